/** What each phase of getting ready may take, in milliseconds. NotBefore is what they have to fit in together. */
export interface Budget {
  /** Until the slowest balancer has noticed; nothing makes it faster. */
  readonly detectionMs: number;
  readonly drainMs: number;
  readonly hooksMs: number;
  readonly agreementMs: number;
}

/** What a notice leaves for each phase. */
export interface Shares extends Budget {
  /** The notice is shorter than the phases together. */
  readonly isTight: boolean;
  /** Which phases get less than they may need; for people, empty when everything fits. */
  readonly detail: string;
}

/** No phase is given less than this: a time-out of nothing would fail what might have worked. */
const LEAST_MS = 1000;

export function totalOf(budget: Budget): number {
  return budget.detectionMs + budget.drainMs + budget.hooksMs + budget.agreementMs;
}

/** Divides `noticeMs` among the phases: all they want where it fits, otherwise in proportion after what cannot be hurried. */
export function sharesOf(budget: Budget, noticeMs: number): Shares {
  if (totalOf(budget) <= noticeMs) return { ...budget, isTight: false, detail: '' };
  const rest = Math.max(0, noticeMs - budget.detectionMs);
  const wanted = budget.drainMs + budget.hooksMs + budget.agreementMs;
  const share = (ms: number): number => (ms === 0 ? 0 : Math.max(LEAST_MS, Math.floor((ms * rest) / wanted)));
  const shares = {
    detectionMs: budget.detectionMs,
    drainMs: share(budget.drainMs),
    hooksMs: share(budget.hooksMs),
    agreementMs: share(budget.agreementMs),
  };
  return { ...shares, isTight: true, detail: describe(budget, shares, noticeMs) };
}

function describe(budget: Budget, shares: Budget, noticeMs: number): string {
  const notice = `a notice of ${seconds(noticeMs)}`;
  if (budget.detectionMs >= noticeMs)
    return `${notice} is over before the balancers have noticed (${seconds(budget.detectionMs)}): they still send requests when it starts`;
  const parts = (['drain', 'hooks', 'agreement'] as const).map(
    (phase) => `${phase} ${seconds(shares[`${phase}Ms`])} instead of ${seconds(budget[`${phase}Ms`])}`,
  );
  return `${notice} does not fit everything; after ${seconds(budget.detectionMs)} for the balancers: ${parts.join(', ')}`;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}
