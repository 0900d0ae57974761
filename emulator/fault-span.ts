import { parseDurationOrUndefined } from '../common/runtime/duration.ts';
import { EXIT_USAGE, UserError } from '../common/runtime/errors.ts';
import { DEFAULT_BY_MS, FAULTS_WITH_BY, MAX_BEHIND_MS, type FaultKind } from './faults.ts';

/** `20s`, or `-20s`: milliseconds, or undefined when it is neither. */
export function parseSignedDurationOrUndefined(text: string): number | undefined {
  const ms = parseDurationOrUndefined(text.replace(/^-/, ''));
  return ms !== undefined && text.startsWith('-') ? -ms : ms;
}

/** By how much a fault of `kind` is to be off: what was asked for or the default. Throws a `UserError` for what makes no sense. */
export function faultSpan(kind: FaultKind, byMs: number | undefined): { readonly byMs?: number } {
  const takesIt = FAULTS_WITH_BY.some((known) => known === kind);
  if (!takesIt && byMs !== undefined) {
    throw badSpan(`by goes with ${FAULTS_WITH_BY.join(' and ')} only, not with ${kind}`);
  }
  if (!takesIt) return {};
  const wanted = byMs ?? DEFAULT_BY_MS;
  if (kind === 'behind' && (wanted <= 0 || wanted > MAX_BEHIND_MS)) {
    throw badSpan(`by: expected more than 0s and at most ${MAX_BEHIND_MS / 60_000}m for behind, got ${wanted} ms`);
  }
  return { byMs: wanted };
}

function badSpan(message: string): UserError {
  return new UserError('BAD_BODY', message, { exitStatus: EXIT_USAGE });
}
