import type { z } from 'zod';
import { badRequest } from './api-error.ts';

/**
 * Checks a request's body. The first thing wrong becomes a 400 that names the field, what was expected and what was found;
 * unknown fields are refused, because a misspelt `recurrence` would make of a nightly job one that runs once, now.
 */
export function readBody<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const result = schema.safeParse(body, { reportInput: true });
  if (result.success) return result.data;
  throw badRequest(result.error.issues.slice(0, 5).map(describeIssue).join(' '));
}

function describeIssue(issue: z.core.$ZodIssue): string {
  const path = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    const where = path === '' ? 'the body' : `'${path}'`;
    return `The field ${issue.keys.map((key) => `'${key}'`).join(', ')} in ${where} is not known.`;
  }
  if (issue.code === 'custom') {
    const message = withValue(issue.message, issue.input);
    return path === '' ? message : `The field '${path}' is not valid: ${message}`;
  }
  const expected = issue.message
    .replace(/^Invalid (input|option|string|key|element)[^:]*: /, '')
    .replace(/, received .*$/, '');
  const found = issue.input === undefined ? 'nothing' : JSON.stringify(issue.input).slice(0, 200);
  return `The field '${path === '' ? 'body' : path}' is not valid: ${expected}, got ${found}.`;
}

/** Rules of our own say what was found too; not what a secret was, and not whole objects, in which one may be. */
function withValue(message: string, found: unknown): string {
  const isPlain = ['string', 'number', 'boolean'].includes(typeof found);
  if (!isPlain || /, got |secret/.test(message)) return message;
  return `${message.replace(/\.$/, '')}, got ${JSON.stringify(found).slice(0, 200)}.`;
}
