import { EXIT_USAGE, UserError } from '../common/runtime/errors.ts';

/** Values of the options that describe a job. */

/** Undefined where the option was not given. Throws a `UserError` (`JOB_OPTIONS`). */
export function numberOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw usage(`${option}: expected a whole number, got ${JSON.stringify(text)}`);
}

/** To be thrown: an option that cannot be used, in one line. */
export function usage(message: string): UserError {
  return new UserError('JOB_OPTIONS', message, { exitStatus: EXIT_USAGE });
}

/** Without the fields that nobody gave; undefined when that leaves none. */
export function given(fields: Record<string, unknown>): Record<string, unknown> | undefined {
  const present = Object.entries(fields).filter(([, value]) => value !== undefined);
  return present.length === 0 ? undefined : Object.fromEntries(present);
}
