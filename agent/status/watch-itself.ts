import type { Clock } from '../../common/runtime/clock.ts';
import type { Log } from '../../common/runtime/log.ts';
import type { PollResult } from '../core/observation.ts';
import type { MetadataAnswer } from '../metadata/http.ts';
import {
  initialFacts,
  judge,
  medianSkewMs,
  noteAnswer,
  notePoll,
  type Warning,
  type WarningKind,
} from './self-watch.ts';

/** Keeps the facts of the self-watch, and says in the log when a warning begins and when it is over. */
export interface SelfWatch {
  answered(answer: MetadataAnswer): void;
  polled(result: PollResult): void;
  /** Called with every tick of the loop. */
  look(): void;
  warnings(): readonly Warning[];
  skewMs(): number | undefined;
}

export function createSelfWatch(name: string, clock: Clock, log: Log): SelfWatch {
  let facts = initialFacts(name, clock.monotonic());
  let warnings: readonly Warning[] = [];
  const now = () => ({ wallMs: clock.now(), monotonicMs: clock.monotonic() });
  return {
    answered: (answer) => {
      if (answer.kind === 'answer') facts = noteAnswer(facts, { status: answer.status, dateMs: answer.dateMs }, now());
    },
    polled: (result) => {
      facts = notePoll(facts, result, now());
    },
    look: () => {
      const before = new Set<WarningKind>(warnings.map((warning) => warning.kind));
      warnings = judge(facts, clock.monotonic());
      for (const { kind, detail } of warnings) {
        if (!before.delete(kind)) log.warn({ warning: kind, detail }, 'the agent itself is not well');
      }
      for (const kind of before) log.info({ warning: kind }, 'the agent itself is well again');
    },
    warnings: () => warnings,
    skewMs: () => medianSkewMs(facts),
  };
}
