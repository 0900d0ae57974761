import { canonicalName } from '../../common/agreement/names.ts';
import { isWithin, type DailyWindow } from './daily-window.ts';

/** What an operator decided about a kind of event, for this VM. */
export interface Decision {
  /** Name of the rule that said so; `default` when none matched. */
  readonly rule: string;
  /**
   * drain: out of rotation, and a promise · consent: the event may hit this VM in service (speaks for nobody else) · notify:
   * nothing is done but telling; the VM neither drains nor agrees, so the platform's own clock decides.
   */
  readonly consequence: 'drain' | 'consent' | 'notify';
  /** late: at NotBefore minus the budget · a window: inside it at once, otherwise late. */
  readonly when: 'at-once' | 'late' | DailyWindow;
  /** never: this VM does not agree to an early start, so that nobody may approve for it. */
  readonly approve: 'when-ready' | 'never';
  /** approve: a drain or hook that failed does not keep the event from being approved; the record says so. */
  readonly onFailure: 'hold' | 'approve';
  /** Milliseconds after the impact; undefined: once the event is gone. The first is weaker: a second impact may follow. */
  readonly restoreAfterMs: number | undefined;
}

/** All conditions that are there must hold. */
export interface PolicyMatch {
  /** Types of event, compared without case. */
  readonly types?: readonly string[];
  /** EventSource, compared without case. */
  readonly sources?: readonly string[];
  /** Seconds of impact; an unknown duration (-1) counts as longer than any. */
  readonly durationAtLeast?: number;
  readonly durationAtMost?: number;
  /** A part of the description, compared without case. */
  readonly descriptionContains?: string;
  /** A regular expression over the description, without case. */
  readonly descriptionMatches?: string;
  /** Roles of this VM. */
  readonly roles?: readonly string[];
  /** When the event is seen first. */
  readonly seenWithin?: DailyWindow;
}

export interface PolicyRule {
  readonly name: string;
  readonly match: PolicyMatch;
  readonly decision: Partial<Omit<Decision, 'rule'>>;
}

/** What is safe for a web server: out at once, approved when everybody is out, held on failure, back when the event is gone. */
export const DEFAULT_DECISION: Decision = {
  rule: 'default',
  consequence: 'drain',
  when: 'at-once',
  approve: 'when-ready',
  onFailure: 'hold',
  restoreAfterMs: undefined,
};

/** An operator's choices about events, as far as the core needs them. */
export interface PolicySettings {
  readonly role: string;
  readonly rules: readonly PolicyRule[];
  /** What the hooks and the agreement may take of a notice; the other phases have their own settings. */
  readonly hooksMs: number;
  readonly agreementMs: number;
  /** A VM that is out for so long without an approval in sight returns and drains late, where there is time left. */
  readonly patienceMs: number;
  /** VMs of this role that must be in service for this one to leave early; 0: does not matter. */
  readonly minimumInService: number;
}

/** No rules and the usual times. */
export const PLAIN_POLICY: PolicySettings = {
  role: '',
  rules: [],
  hooksMs: 30_000,
  agreementMs: 10_000,
  patienceMs: 15 * 60_000,
  minimumInService: 0,
};

/** What a rule is matched against. */
export interface PolicySubject {
  readonly eventType: string;
  readonly source: string;
  readonly durationSeconds: number;
  readonly description: string;
  /** Epoch milliseconds at which this VM saw it first. */
  readonly seenAtMs: number;
}

/** Only what a policy looks at. */
export function subjectOf(whole: PolicySubject): PolicySubject {
  const { eventType, source, durationSeconds, description, seenAtMs } = whole;
  return { eventType, source, durationSeconds, description, seenAtMs };
}

/** Would a policy decide the same about both? */
export function isSameSubject(one: PolicySubject, other: PolicySubject): boolean {
  return (
    one.eventType === other.eventType &&
    one.source === other.source &&
    one.durationSeconds === other.durationSeconds &&
    one.description === other.description &&
    one.seenAtMs === other.seenAtMs
  );
}

/** Longest description that a pattern is tried on: one that backtracks badly must not hold up the agent. */
const MAX_DESCRIPTION = 500;

/** The first rule that matches, over the defaults. */
export function decidePolicy(policy: PolicySettings, subject: PolicySubject): Decision {
  const rule = policy.rules.find(({ match }) => isMatch(match, policy.role, subject));
  return rule === undefined ? DEFAULT_DECISION : { ...DEFAULT_DECISION, ...rule.decision, rule: rule.name };
}

function isMatch(match: PolicyMatch, role: string, subject: PolicySubject): boolean {
  // 0 means no interruption at all, -1 that the platform does not know: nothing speaks for it being short.
  const duration = subject.durationSeconds < 0 ? Number.POSITIVE_INFINITY : subject.durationSeconds;
  const description = subject.description.slice(0, MAX_DESCRIPTION);
  return (
    isOneOf(match.types, subject.eventType) &&
    isOneOf(match.sources, subject.source) &&
    (match.durationAtLeast === undefined || duration >= match.durationAtLeast) &&
    (match.durationAtMost === undefined || duration <= match.durationAtMost) &&
    (match.descriptionContains === undefined ||
      description.toLowerCase().includes(match.descriptionContains.toLowerCase())) &&
    (match.descriptionMatches === undefined || new RegExp(match.descriptionMatches, 'iu').test(description)) &&
    isOneOf(match.roles, role) &&
    (match.seenWithin === undefined || isWithin(match.seenWithin, subject.seenAtMs))
  );
}

function isOneOf(wanted: readonly string[] | undefined, found: string): boolean {
  return wanted === undefined || wanted.some((one) => canonicalName(one) === canonicalName(found));
}

/** `drain at once (rule "x")`, for people. */
export function describeDecision(decision: Decision): string {
  const { consequence, when, approve } = decision;
  const time =
    consequence !== 'drain' ? '' : when === 'at-once' ? ' at once' : when === 'late' ? ' late' : ' in its window';
  const never = approve === 'never' ? ', never approve' : '';
  return `${consequence}${time}${never} (rule ${JSON.stringify(decision.rule)})`;
}
