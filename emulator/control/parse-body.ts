import type { Request } from 'express';
import type { z } from 'zod';
import { UserError } from '../../common/runtime/errors.ts';

/** The body of a request, or a `UserError` (`BAD_BODY`) that names every problem. No body counts as `{}`. */
export function parseBody<Schema extends z.ZodType>(schema: Schema, request: Request): z.output<Schema> {
  const body: unknown = request.body;
  const result = schema.safeParse(body ?? {});
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    (issue) => `${issue.path.join('.') || 'body'}: ${issue.message.replace('Invalid input: ', '')}`,
  );
  throw new UserError('BAD_BODY', problems.join('; '));
}
