import type { Entry } from './entry.ts';

/** How a line is coloured: what hurts, what is promised, what is good again. */
export type Tone = 'plain' | 'notice' | 'promise' | 'hit' | 'good' | 'bad';

/** One line of the timeline for people: who did what. */
export interface Line {
  readonly atMs: number;
  /** The event it belongs to, if any. */
  readonly eventId: string | undefined;
  readonly who: string;
  readonly what: string;
  readonly detail: string;
  readonly tone: Tone;
}

/**
 * How each thing reads. A kind that is missing here is not shown: the same happening is told by up to three programs, and
 * the one that knows it at first hand is shown. (The cloud knows who approved; the agent only that it sent an approval.)
 */
const WORDS: Readonly<Record<string, { readonly what: string; readonly tone: Tone }>> = {
  'cloud event.scheduled': { what: 'announces', tone: 'notice' },
  'cloud event.approved': { what: 'approved', tone: 'promise' },
  'cloud event.started': { what: 'starts', tone: 'notice' },
  'cloud event.cancelled': { what: 'cancels', tone: 'notice' },
  'cloud event.gone': { what: 'event over', tone: 'notice' },
  'cloud vm.frozen': { what: 'is frozen', tone: 'hit' },
  'cloud vm.thawed': { what: 'thaws', tone: 'hit' },
  'cloud vm.killed': { what: 'goes down', tone: 'hit' },
  'cloud vm.booted': { what: 'boots', tone: 'hit' },
  'cloud probe.down': { what: 'off balancer', tone: 'plain' },
  'cloud probe.up': { what: 'on balancer', tone: 'good' },
  'cloud vm.gone': { what: 'is gone', tone: 'bad' },
  'cloud vm.failed': { what: 'is broken', tone: 'bad' },
  'scheduler lease.won': { what: 'leads', tone: 'promise' },
  'scheduler agreement.intent': { what: 'intends', tone: 'promise' },
  'scheduler rollout.started': { what: 'rolls', tone: 'notice' },
  'scheduler rollout.completed': { what: 'rolled', tone: 'good' },
  'scheduler rollout.failed': { what: 'gave up', tone: 'bad' },
  'agent event.seen': { what: 'saw', tone: 'plain' },
  'agent drain.started': { what: 'drains', tone: 'plain' },
  'agent drain.proven': { what: 'drained', tone: 'plain' },
  'agent drain.failed': { what: 'drain failed', tone: 'bad' },
  'agent promise.prepared': { what: 'promised', tone: 'promise' },
  'agent event.cancelled': { what: 'cancelled', tone: 'notice' },
  'agent task.started': { what: 'runs task', tone: 'hit' },
  'agent task.done': { what: 'task done', tone: 'hit' },
  'agent restored': { what: 'came back', tone: 'good' },
};

/** The line for one entry, or undefined when another entry tells it better. */
export function describeEntry(entry: Entry): Line | undefined {
  const words = WORDS[`${entry.source} ${entry.kind}`];
  if (words === undefined) return undefined;
  const who = entry.vm ?? entry.source;
  return {
    atMs: entry.atMs,
    eventId: entry.eventId?.toUpperCase(),
    who,
    what: words.what,
    detail: withoutStart(entry.detail, [who, words.what]),
    tone: words.tone,
  };
}

/** Details are written to be read alone; beside their columns `FrontEnd_IN_0 leads (term 1)` is `(term 1)`. */
function withoutStart(detail: string, starts: readonly string[]): string {
  return starts.reduce((rest, start) => (rest.startsWith(`${start} `) ? rest.slice(start.length + 1) : rest), detail);
}

/** The same said again within this time is not shown twice. */
const REPEATED_WITHIN_MS = 2000;

/** True when one of the `recent` lines says the same of the same VM and event. */
export function isRepeated(line: Line, recent: readonly Line[]): boolean {
  return recent.some(
    (other) =>
      other.who === line.who &&
      other.what === line.what &&
      other.eventId === line.eventId &&
      Math.abs(line.atMs - other.atMs) <= REPEATED_WITHIN_MS,
  );
}
