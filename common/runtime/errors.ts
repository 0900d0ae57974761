import { inspect } from 'node:util';

/** Exit status of a command whose input (arguments, settings, files) was wrong; nothing was started. */
export const EXIT_USAGE = 2;
/** Exit status of a command that tried and failed. */
export const EXIT_FAILURE = 1;

/**
 * A failure that the person at the keyboard can mend: printed as its message and hint, never with a stack trace.
 * `code` is stable and is what programs test; messages may change.
 */
export class UserError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly exitStatus: number;

  constructor(code: string, message: string, options: { hint?: string; exitStatus?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'UserError';
    this.code = code;
    this.hint = options.hint;
    this.exitStatus = options.exitStatus ?? EXIT_FAILURE;
  }
}

/** One line for logs and messages: the error's message followed by those of its causes. Accepts anything that was thrown. */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  let current: unknown = error;
  // A bound, because a cause may (wrongly) point back at its error.
  for (let depth = 0; depth < 5 && current !== undefined; depth++) {
    if (!(current instanceof Error)) {
      parts.push(typeof current === 'string' ? current : inspect(current));
      break;
    }
    // An AggregateError of a failed connection carries its text in `errors` and an empty message.
    const text =
      current instanceof AggregateError && current.message === ''
        ? current.errors.map(describeError).join('; ')
        : current.message;
    if (text !== '' && !parts.includes(text)) parts.push(text);
    current = current.cause;
  }
  return parts.length > 0 ? parts.join(': ') : 'unknown error';
}

/** The `code` of a Node.js system error (`ENOENT`, `EADDRINUSE`, …), or undefined. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
