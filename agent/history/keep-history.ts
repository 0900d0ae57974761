import { appendFile, chmod, mkdir, rename, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../../common/runtime/clock.ts';
import { describeError } from '../../common/runtime/errors.ts';
import type { Log } from '../../common/runtime/log.ts';
import type { AgentState, EventEntry } from '../core/state.ts';
import { createSerial } from '../serial.ts';
import type { Witness } from '../witness.ts';
import { formatHistoryEntry, type HistoryEntry } from './entry.ts';

/** The newest entries, and the ones before them: together a few thousand events. */
export const HISTORY_FILE = 'history.jsonl';
export const OLDER_FILE = 'history.1.jsonl';

/** The file becomes the older one at this size, so that both together never take more than twice as much. */
const MAX_BYTES = 1024 * 1024;

/** Entries that wait for a disk that does not answer; more are dropped: what is promised does not rest on them. */
const MAX_WAITING = 500;

export interface History {
  readonly witness: Witness;
  note(entry: Omit<HistoryEntry, 'atMs'>): void;
  /** Resolves when everything noted so far is written or dropped. */
  idle(): Promise<void>;
}

/**
 * Keeps what happened for `forewarn agent history`, in the state folder. Nothing waits for it and nothing rests on it: a disk
 * that is full costs the entries of that time, and is said once.
 */
export function keepHistory(folder: string, tools: { readonly clock: Clock; readonly log: Log }): History {
  const { clock, log } = tools;
  const file = path.join(folder, HISTORY_FILE);
  const inOrder = createSerial();
  let waiting = 0;
  let isBroken = false;
  let last: Promise<void> = Promise.resolve();

  const write = async (line: string): Promise<void> => {
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const size = await sizeOf(file);
      if (size > MAX_BYTES) await rename(file, path.join(folder, OLDER_FILE));
      await appendFile(file, line, { mode: 0o600 });
      if (size === 0) await chmod(file, 0o600);
      isBroken = false;
    } catch (error) {
      if (!isBroken) log.warn({ reason: describeError(error) }, 'the history cannot be written');
      isBroken = true;
    }
    waiting--;
  };
  const note = (entry: Omit<HistoryEntry, 'atMs'>): void => {
    if (waiting >= MAX_WAITING) return;
    waiting++;
    const line = formatHistoryEntry({ ...entry, atMs: clock.now() });
    last = inOrder(async () => {
      await write(line);
    });
  };
  return {
    note,
    idle: async () => {
      await last;
    },
    witness: {
      observed: (observation, state) => {
        if (observation.kind !== 'hook') return;
        const { key, phase, ok, detail } = observation;
        const { eventId } = state.events[key]?.promise ?? {};
        if (eventId === undefined) return;
        note({ kind: `hook.${phase}`, eventId, detail: ok ? 'done' : `failed: ${detail}` });
      },
      wanted: (action, state) => {
        if (action.kind !== 'activity') return;
        const { activity: kind, eventId, detail } = action;
        note({ kind, ...(eventId === undefined ? {} : { eventId }), detail, ...subjectOf(kind, eventId, state) });
      },
    },
  };
}

/** What the event is, with what first tells of it and with what changes it. */
function subjectOf(
  kind: string,
  eventId: string | undefined,
  state: AgentState,
): Pick<HistoryEntry, 'subject'> | Record<string, never> {
  if (kind !== 'event.seen' && kind !== 'event.changed') return {};
  const entry = Object.values(state.events).find(({ promise }) => promise.eventId === eventId);
  return entry === undefined ? {} : { subject: subject(entry) };
}

function subject({ promise }: EventEntry): NonNullable<HistoryEntry['subject']> {
  const { eventType, resources, source, description, durationSeconds, notBeforeMs } = promise;
  return {
    eventType,
    resources: [...resources],
    source,
    description,
    durationSeconds,
    notBeforeMs: notBeforeMs ?? null,
  };
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch {
    return 0;
  }
}
