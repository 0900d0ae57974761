import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { parseHistory, type HistoryEntry } from '../../../agent/history/entry.ts';
import { explainStart } from '../../../agent/history/explain-start.ts';
import { HISTORY_FILE, keepHistory, OLDER_FILE } from '../../../agent/history/keep-history.ts';
import { formatHistory, formatOverview, showHistory } from '../../../agent/history/show-history.ts';
import { historyOf } from '../../../agent/history/timeline.ts';
import type { Log } from '../../../common/runtime/log.ts';
import { silentLog } from '../../../common/runtime/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { Bench, event, inRotation, lastDurable, prepared } from '../core/bench.ts';

const subject = {
  eventType: 'Reboot',
  resources: ['web_0'],
  source: 'User',
  description: 'asked for',
  durationSeconds: -1,
  notBeforeMs: 900_000,
};
const at = (atMs: number, kind: string, detail = '', eventId: string | null = 'E1'): HistoryEntry => ({
  atMs,
  kind,
  detail,
  ...(eventId === null ? {} : { eventId }),
  ...(kind === 'event.seen' ? { subject } : {}),
});

const REBOOT = [
  at(0, 'agent.started', 'version 1', null),
  at(1000, 'event.seen'),
  at(1000, 'drain.started'),
  at(4000, 'drain.proven'),
  at(4000, 'promise.prepared'),
  at(5000, 'approved'),
  at(60_000, 'agent.started', 'the Reboot was approved'),
  at(61_000, 'event.started'),
  at(90_000, 'event.ended'),
  { ...at(92_000, 'restored'), eventId: 'E1' },
];

describe('the history of an event', () => {
  it('tells when what happened, and the notice that was promised and given', () => {
    expect(historyOf(REBOOT)).toEqual([
      expect.objectContaining({
        eventId: 'E1',
        subject,
        seenMs: 1000,
        drainedMs: 4000,
        promisedMs: 4000,
        approvedMs: 5000,
        startedMs: 61_000,
        goneMs: 90_000,
        restoredMs: 92_000,
        outcome: 'happened',
        notice: { promisedMs: 899_000, givenMs: 60_000 },
        outMs: 91_000,
        failedDrains: 0,
        restarts: 1,
      }),
    ]);
  });

  it('says what has not happened yet, and what the platform took back', () => {
    expect(historyOf(REBOOT.slice(0, 4))[0]).toMatchObject({ outcome: 'under way', goneMs: null, outMs: null });
    const cancelled = [at(0, 'event.seen'), at(5000, 'event.cancelled'), at(6000, 'restored')];
    expect(historyOf(cancelled)[0]).toMatchObject({ outcome: 'withdrawn by the platform', startedMs: null });
  });

  it('keeps events apart, whatever the case of their ids, and gives each what names none', () => {
    const both = [
      at(0, 'event.seen', '', 'e1'),
      at(1, 'event.seen', '', 'E2'),
      at(2, 'agent.started', '', null),
      at(3, 'event.ended', '', 'E1'),
    ];
    const events = historyOf(both);
    expect(events.map(({ eventId, restarts, goneMs }) => [eventId, restarts, goneMs])).toEqual([
      ['e1', 1, 3],
      ['E2', 1, null],
    ]);
  });

  it('is a page for people', () => {
    const [reboot] = historyOf(REBOOT);
    if (reboot === undefined) throw new Error('no event');
    const text = formatHistory(reboot);
    expect(text).toContain('Reboot E1 of web_0 (User: asked for)');
    expect(text).toContain('notice promised 14m 59s, given 1m; out of rotation 1m 31s');
    expect(text).toMatch(/1970-01-01T00:00:05\.000Z +\+4\.0 s +approved/);
    expect(formatOverview([reboot])).toContain('happened');
    expect(formatOverview([])).toContain('no event has named this VM');
  });
});

describe('what is kept', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'forewarn-history-'));
    onTestFinished(() => {
      rmSync(folder, { recursive: true, force: true });
    });
  });
  const file = (): string => path.join(folder, HISTORY_FILE);

  it('is everything that the core wants told, and every hook that ended', async () => {
    const history = keepHistory(folder, { clock: new FakeClock(), log: silentLog });
    const bench = inRotation();
    const observe = bench.observe.bind(bench);
    bench.observe = (observation) => {
      const actions = observe(observation);
      history.witness.observed(observation, bench.state);
      for (const action of actions) history.witness.wanted(action, bench.state);
      return actions;
    };
    bench.poll([event()]);
    bench.pass(2000, () => bench.poll([event()]));
    bench.pass(12_000, () => bench.poll([]));
    await history.idle();
    const entries = parseHistory(readFileSync(file(), 'utf8'));
    const kinds = entries.map((entry) => entry.kind);
    for (const kind of [
      'event.seen',
      'hook.prepare',
      'drain.proven',
      'promise.prepared',
      'promise.released',
      'restored',
    ])
      expect(kinds).toContain(kind);
    expect(entries.find((entry) => entry.kind === 'event.seen')?.subject?.resources).toEqual(['vm_0']);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
  });

  it('is bounded, the older half last', async () => {
    writeFileSync(file(), `${'x'.repeat(1024 * 1024 + 1)}\n`);
    const history = keepHistory(folder, { clock: new FakeClock(), log: silentLog });
    history.note({ kind: 'agent.started', detail: 'again' });
    await history.idle();
    expect(parseHistory(readFileSync(file(), 'utf8'))).toHaveLength(1);
    expect(statSync(path.join(folder, OLDER_FILE)).size).toBeGreaterThan(1024 * 1024);
  });

  it('costs nothing but itself when the disk cannot be written, which is said once', async () => {
    const said: string[] = [];
    const log: Log = { ...silentLog, warn: (_fields, message) => said.push(message), child: () => log };
    writeFileSync(path.join(folder, 'file'), '');
    const history = keepHistory(path.join(folder, 'file', 'state'), { clock: new FakeClock(), log });
    for (let index = 0; index < 1000; index++) history.note({ kind: 'agent.started', detail: 'x' });
    await history.idle();
    expect(said).toEqual(['the history cannot be written']);
  });

  it('is told although its last line was cut off', async () => {
    const lines = REBOOT.map((entry) => JSON.stringify(entry)).join('\n');
    writeFileSync(file(), lines.slice(0, -10));
    const printed: string[] = [];
    const terminal = { print: (text: string) => printed.push(text) };
    const wish = { folder, eventId: 'e', limit: 5, asJson: true };
    await showHistory(terminal as never, wish);
    expect(JSON.parse(printed.join(''))).toMatchObject({ eventId: 'E1', restoredMs: null, goneMs: 90_000 });
    await expect(showHistory(terminal as never, { ...wish, eventId: 'F' })).rejects.toThrow('no event of this VM');
  });
});

describe('why the VM was down', () => {
  it('is most likely the reboot that it had promised for', () => {
    const bench = prepared();
    bench.poll([event({ status: 'Started', notBeforeMs: undefined })]);
    expect(explainStart(lastDurable(bench))).toEqual([
      {
        eventId: 'E1',
        detail:
          'the Reboot had started before this start, and is most likely the reason for it; ' +
          'what remains: out of rotation as promised until the event is gone, then the restored hooks',
      },
    ]);
  });

  it('is unknown when the event was only announced, and nothing is said when nothing was under way', () => {
    expect(explainStart(lastDurable(prepared()))[0]?.detail).toContain('nothing says that it is the reason');
    expect(explainStart(undefined)).toEqual([]);
    expect(explainStart({ number: 1, incarnation: 1, events: [], maintenance: [] })).toEqual([]);
  });

  it('says that only the hooks remain where the event was over', () => {
    const bench = prepared();
    bench.isCooperative = false;
    bench.pass(12_000, () => bench.poll([]));
    expect(explainStart(lastDurable(bench))[0]?.detail).toContain('the restored hooks, then back into rotation');
    expect(new Bench({}, lastDurable(bench)).isIn()).toBe(false);
  });
});
