/**
 * Ways in which a metadata service misbehaves on purpose, so that its clients can be shown to survive it.
 *
 * error-N: answers that status · latency: answers late · drop: closes the connection instead of answering ·
 * truncate: half a document, under a Content-Length that promises all of it · wrong-type: JSON whose values have other
 * types than documented · not-json: a page of HTML with status 200, as a captive proxy sends · empty-document: says that
 * there are no events although there are · stale-document: the events as they were when the fault was set, for as long as it
 * lasts · behind: the events as they were `byMs` ago · clock-skew: NotBefore and Date are `byMs` off · hang: a half-open
 * connection, which takes the request, never answers and never closes · stall: half an answer, then nothing, and the
 * connection stays open · unreachable: refuses connections.
 */
export const FAULT_KINDS = [
  'error-404',
  'error-410',
  'error-429',
  'error-500',
  'latency',
  'drop',
  'truncate',
  'wrong-type',
  'not-json',
  'empty-document',
  'stale-document',
  'behind',
  'clock-skew',
  'hang',
  'stall',
  'unreachable',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface Fault {
  readonly kind: FaultKind;
  /** The VM whose metadata service it is; undefined = all. */
  readonly vm: string | undefined;
  /** Added to every answer under `latency`, milliseconds. */
  readonly latencyMs: number;
  /** How far `behind` is behind, or how much `clock-skew` is ahead (less than 0: behind), milliseconds. */
  readonly byMs?: number;
  /** Epoch milliseconds; undefined = until it is cleared. */
  readonly untilMs: number | undefined;
}

/** Under `latency` when nothing else was asked for: longer than any sensible time-out of a client that asks every second. */
export const DEFAULT_LATENCY_MS = 3000;

/** The faults that `byMs` belongs to. */
export const FAULTS_WITH_BY = ['behind', 'clock-skew'] as const;
/** When nothing else was asked for: many polls of any agent. */
export const DEFAULT_BY_MS = 20_000;
/** How far back documents are remembered. */
export const MAX_BEHIND_MS = 10 * 60_000;

/** The fault that a VM's requests meet at `now`: its own before that of all, the newest before older ones. */
export function faultFor(faults: readonly Fault[], vm: string, now: number): Fault | undefined {
  const active = faults.filter((fault) => fault.untilMs === undefined || fault.untilMs > now);
  return active.findLast((fault) => fault.vm === vm) ?? active.findLast((fault) => fault.vm === undefined);
}

/** Without those that are over, or that concern the same VM as `fault`; with it. */
export function withFault(faults: readonly Fault[], fault: Fault, now: number): readonly Fault[] {
  return [
    ...faults.filter((other) => other.vm !== fault.vm && (other.untilMs === undefined || other.untilMs > now)),
    fault,
  ];
}
