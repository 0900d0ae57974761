import { parseDurationOrUndefined } from '../../common/runtime/duration.ts';
import { EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';

/** An option like `--notice 30s` in milliseconds. Throws a `UserError` that names the option. */
export function durationOption(
  option: string,
  text: string | undefined,
  parse = parseDurationOrUndefined,
): number | undefined {
  if (text === undefined) return undefined;
  const ms = parse(text);
  if (ms !== undefined) return ms;
  const message = `${option}: expected a duration like "30s" or "1m30s", got ${JSON.stringify(text)}`;
  throw new UserError('BAD_DURATION', message, { exitStatus: EXIT_USAGE });
}

/** The same in whole seconds, because events carry no finer ones. */
export function wholeSecondsOption(option: string, text: string | undefined): number | undefined {
  const ms = durationOption(option, text);
  if (ms === undefined || ms % 1000 === 0) return ms === undefined ? undefined : ms / 1000;
  const message = `${option}: expected whole seconds, because events carry no finer ones, got ${JSON.stringify(text)}`;
  throw new UserError('BAD_DURATION', message, { exitStatus: EXIT_USAGE });
}
