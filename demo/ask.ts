import { z } from 'zod';
import { UserError } from '../common/runtime/errors.ts';
import { requestJson, type JsonRequest } from '../common/runtime/http-json.ts';

/** A program of the demonstration and how messages call it. */
export interface Asked {
  readonly what: string;
  readonly url: string;
}

/** Everything is on this machine; slower than this is as good as no answer. */
const ANSWER_TIMEOUT_MS = 10_000;

/**
 * Asks a program and reads what this demonstration needs of its answer. Rejects with a `UserError` that says what was asked
 * and answered when the status is none of success or the answer has another shape.
 */
export async function ask<Schema extends z.ZodType>(
  asked: Asked,
  wanted: Omit<JsonRequest, 'timeoutMs'>,
  schema: Schema,
): Promise<z.output<Schema>> {
  const response = await requestJson(
    { kind: 'http', url: asked.url },
    { ...wanted, timeoutMs: ANSWER_TIMEOUT_MS },
    { what: asked.what, option: 'its settings file' },
  );
  const question = `${wanted.method} ${wanted.path}`;
  if (response.status < 200 || response.status > 299) {
    throw new UserError(
      'ANSWER_REFUSED',
      `the ${asked.what} refused ${question}: status ${response.status} ${response.text.slice(0, 500)}`,
    );
  }
  const answer = schema.safeParse(response.body);
  if (!answer.success) {
    throw new UserError(
      'ANSWER_UNREADABLE',
      `the ${asked.what} answered ${question} with something else than expected: ${z.prettifyError(answer.error)}`,
    );
  }
  return answer.data;
}
