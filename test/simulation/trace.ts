import { hash } from 'node:crypto';

interface Note {
  readonly atMs: number;
  readonly who: string;
  readonly what: string;
}

/** What happened in a run. Most are read by nobody: lines are made when somebody asks. */
export class Trace {
  readonly #notes: Note[] = [];

  note(atMs: number, who: string, what: string): void {
    this.#notes.push({ atMs, who, what });
  }

  lines(): readonly string[] {
    return this.#notes.map(({ atMs, who, what }) => `${String(atMs).padStart(9)}  ${who.padEnd(14)}  ${what}`);
  }

  /** Of all of it: the same for the same seed, always. */
  digest(): string {
    return hash('sha256', this.lines().join('\n'));
  }
}
