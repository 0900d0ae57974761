/** One thing that the doctor looked at. */
export interface Finding {
  /** What was looked at: `metadata`, `hooks prepare/10-stop`. */
  readonly check: string;
  /** unknown: it could not be looked at, which is no fault by itself. */
  readonly state: 'ok' | 'warning' | 'wrong' | 'unknown';
  readonly found: string;
  /** What to do about it; empty when all is well. */
  readonly mend: string;
}

export function ok(check: string, found: string): Finding {
  return { check, state: 'ok', found, mend: '' };
}

export function wrong(check: string, found: string, mend: string): Finding {
  return { check, state: 'wrong', found, mend };
}

export function warning(check: string, found: string, mend: string): Finding {
  return { check, state: 'warning', found, mend };
}

export function unknown(check: string, found: string, mend: string): Finding {
  return { check, state: 'unknown', found, mend };
}
