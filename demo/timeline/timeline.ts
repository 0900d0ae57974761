import type { Clock } from '../../common/runtime/clock.ts';
import { describeEntry, isRepeated, type Line } from './describe.ts';
import type { Entry } from './entry.ts';
import { formatLine } from './format.ts';

/** Entries of two programs arrive in turn, not in order; held this long, they can be put in order. */
const HOLD_MS = 250;
/** Lines of one step. A step that goes as it should stays below; one that does not must not bury its own end. */
const MAX_LINES = 40;
/** Lines kept to find repetitions. */
const RECENT_LINES = 30;

export interface TimelineOptions {
  readonly clock: Clock;
  readonly hasColor: boolean;
  readonly print: (text: string) => void;
  /** Receives every entry, shown or not: for reading afterwards. */
  readonly record: (entry: Entry) => void;
}

/** The story of the fleet, merged from what several programs tell, line by line as it happens. */
export class Timeline {
  readonly #options: TimelineOptions;
  readonly #recent: Line[] = [];
  /** Events that have their approval. */
  readonly #approved = new Set<string>();
  #held: { readonly line: Line; readonly entry: Entry }[] = [];
  #cancelFlush: (() => void) | undefined;
  #startMs: number;
  #printed = 0;
  #mode: 'step' | 'endless' | 'quiet' = 'quiet';

  constructor(options: TimelineOptions) {
    this.#options = options;
    this.#startMs = options.clock.now();
  }

  /** Times count from here, and lines are shown from here: those of a step, or without an end. */
  begin(how: 'step' | 'endless'): void {
    this.#startMs = this.#options.clock.now();
    this.#printed = 0;
    this.#mode = how;
  }

  /** The step is over: shows what is still held, and nothing more until the next `begin`. */
  end(): void {
    this.#flush();
    this.#mode = 'quiet';
    if (this.#printed > MAX_LINES) this.#options.print(`          … and ${this.#printed - MAX_LINES} more lines`);
  }

  add(entry: Entry): void {
    this.#options.record(entry);
    const line = describeEntry(entry);
    if (line === undefined || this.#mode === 'quiet' || isRepeated(line, this.#recent)) return;
    this.#recent.push(line);
    if (this.#recent.length > RECENT_LINES) this.#recent.shift();
    this.#held.push({ line, entry });
    this.#cancelFlush ??= this.#options.clock.after(HOLD_MS, () => {
      this.#flush();
    });
  }

  #flush(): void {
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
    const held = this.#held.toSorted((a, b) => a.entry.atMs - b.entry.atMs);
    this.#held = [];
    for (const { line, entry } of held) {
      if (this.#isAfterthought(entry)) continue;
      this.#printed += 1;
      if (this.#mode === 'step' && this.#printed > MAX_LINES) continue;
      this.#options.print(formatLine(line, { startMs: this.#startMs, hasColor: this.#options.hasColor }));
    }
  }

  /** Who leads is told for the sake of the approval; the book-keeping of the agreement goes on after it, and is not shown. */
  #isAfterthought({ kind, eventId, source }: Entry): boolean {
    if (eventId === undefined) return false;
    const id = eventId.toUpperCase();
    if (source === 'cloud' && kind === 'event.approved') this.#approved.add(id);
    return source === 'scheduler' && this.#approved.has(id);
  }
}
