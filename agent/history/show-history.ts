import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { canonicalEventId } from '../../common/agreement/names.ts';
import { formatDuration } from '../../common/runtime/duration.ts';
import { describeError, systemErrorCode, UserError } from '../../common/runtime/errors.ts';
import { formatTable, type Terminal } from '../../common/runtime/terminal.ts';
import { parseHistory, type HistoryEntry } from './entry.ts';
import { HISTORY_FILE, OLDER_FILE } from './keep-history.ts';
import { historyOf, type EventHistory } from './timeline.ts';

export interface HistoryWish {
  /** The state folder of the agent. */
  readonly folder: string;
  /** One event in full; undefined: all in short. */
  readonly eventId: string | undefined;
  readonly limit: number;
  readonly asJson: boolean;
}

/** `forewarn agent history`. Reads the files: so it works when the agent does not. */
export async function showHistory(terminal: Terminal, wish: HistoryWish): Promise<void> {
  const texts = [await read(path.join(wish.folder, OLDER_FILE)), await read(path.join(wish.folder, HISTORY_FILE))];
  const events = historyOf(parseHistory(texts.join('')));
  if (wish.eventId === undefined) {
    const shown = events.slice(-wish.limit);
    terminal.print(wish.asJson ? JSON.stringify(shown, undefined, 2) : formatOverview(shown));
    return;
  }
  const wanted = canonicalEventId(wish.eventId);
  const found = events.filter((event) => canonicalEventId(event.eventId).startsWith(wanted));
  const [event] = found;
  if (event === undefined || found.length > 1) {
    const what = event === undefined ? 'no event of this VM has the id' : 'several events have ids that begin with';
    throw new UserError('EVENT_UNKNOWN', `${what} ${wish.eventId} in ${wish.folder}`, {
      hint: 'forewarn agent history, without an id, lists those that are known',
      exitStatus: 2,
    });
  }
  terminal.print(wish.asJson ? JSON.stringify(event, undefined, 2) : formatHistory(event));
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return '';
    throw new UserError('HISTORY_UNREADABLE', `cannot read ${file}: ${describeError(error)}`, {
      hint: 'the history belongs to the user of the agent: try it as root',
      exitStatus: 2,
      cause: error,
    });
  }
}

export function formatOverview(events: readonly EventHistory[]): string {
  return formatTable(
    ['EVENT', 'TYPE', 'SEEN', 'NOTICE', 'GIVEN', 'OUT', 'OUTCOME'],
    events.map((event) => [
      event.eventId,
      event.subject?.eventType ?? '?',
      time(event.seenMs),
      duration(event.notice.promisedMs),
      duration(event.notice.givenMs),
      duration(event.outMs),
      event.outcome,
    ]),
    'no event has named this VM since its history began',
  );
}

/** One event as a page of text: what it was, when what happened, and the notice that was promised and given. */
export function formatHistory(event: EventHistory): string {
  const { subject } = event;
  const named = subject === null ? '' : ` of ${subject.resources.join(', ')}`;
  const told = subject === null || subject.description === '' ? '' : `: ${subject.description}`;
  const lines = [
    `${subject?.eventType ?? 'Event'} ${event.eventId}${named} (${subject?.source ?? 'source unknown'}${told})`,
    `outcome: ${event.outcome}; notice promised ${duration(event.notice.promisedMs)}, given ${duration(event.notice.givenMs)}; ` +
      `out of rotation ${duration(event.outMs)}; failed drains ${event.failedDrains}; starts of the agent ${event.restarts}`,
    '',
    ...event.entries.map(
      (entry) => `${time(entry.atMs)}  ${since(event, entry)}  ${entry.kind.padEnd(18)}  ${entry.detail}`,
    ),
  ];
  return lines.join('\n');
}

function since(event: EventHistory, entry: HistoryEntry): string {
  const text =
    event.seenMs === null ? '' : `${entry.atMs < event.seenMs ? '' : '+'}${formatDuration(entry.atMs - event.seenMs)}`;
  return text.padStart(12);
}

function time(ms: number | null): string {
  return ms === null ? '-' : new Date(ms).toISOString();
}

function duration(ms: number | null): string {
  return ms === null ? '-' : formatDuration(ms);
}
