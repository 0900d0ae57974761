import { describe, expect, it } from 'vitest';
import { initialFacts, judge, noteAnswer, notePoll, type WatchFacts } from '../../../agent/status/self-watch.ts';
import { createSelfWatch } from '../../../agent/status/watch-itself.ts';
import type { PollResult } from '../../../agent/core/observation.ts';
import { createLog } from '../../../common/runtime/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { event } from '../core/bench.ts';

const HOUR_MS = 3_600_000;
const at = (ms: number): { wallMs: number; monotonicMs: number } => ({ wallMs: ms, monotonicMs: ms });
const kinds = (facts: WatchFacts, nowMs: number): string[] => judge(facts, nowMs).map((warning) => warning.kind);
const saw = (...events: ReturnType<typeof event>[]): PollResult => ({
  kind: 'document',
  document: { incarnation: 1, events },
});
const FRESH = notePoll(initialFacts('vm_0', 0), saw(), at(0));

describe('the watch that the agent keeps on itself', () => {
  it('is content with a fresh poll, and not after a minute without one that succeeded', () => {
    expect(kinds(FRESH, 60_000)).toEqual([]);
    expect(kinds(notePoll(FRESH, { kind: 'failed', reason: '500' }, at(59_000)), 61_000)).toEqual(['polling-stalled']);
    expect(kinds(notePoll(FRESH, { kind: 'unchanged' }, at(59_000)), 61_000)).toEqual([]);
    expect(kinds(initialFacts('vm_0', 0), 61_000)).toEqual(['polling-stalled']);
  });

  it('tells of answers 429 for a minute', () => {
    const facts = noteAnswer(FRESH, { status: 429, dateMs: undefined }, at(0));
    expect(kinds(facts, 59_000)).toEqual(['rate-limited']);
    expect(kinds(facts, 60_000)).toEqual([]);
  });

  it.each([
    [-3, []],
    [-20, ['clock-skewed']],
    [20, ['clock-skewed']],
  ])('compares the clock with the host: %i s off', (seconds, expected) => {
    let facts = FRESH;
    const note = (): void => {
      facts = noteAnswer(facts, { status: 200, dateMs: 50_000 - seconds * 1000 }, at(50_000));
    };
    for (let answer = 0; answer < 4; answer++) note();
    expect(kinds(facts, 50_000)).toEqual([]);
    note();
    expect(kinds(facts, 50_000)).toEqual(expected);
  });

  it('lets one wrong Date pass', () => {
    let facts = FRESH;
    for (const dateMs of [0, 0, 99_999_999, 0, 0]) facts = noteAnswer(facts, { status: 200, dateMs }, at(400));
    expect(kinds(facts, 400)).toEqual([]);
  });

  it('wonders about an event that is still Scheduled two minutes after its NotBefore', () => {
    const overdue = (lateMs: number): string[] =>
      kinds(notePoll(FRESH, saw(event({ notBeforeMs: 10_000 })), at(10_000 + lateMs)), 10_000 + lateMs);
    expect(overdue(119_000)).toEqual([]);
    expect(overdue(121_000)).toEqual(['not-before-passed']);
    // As it is with the real service: nothing in the document changes when the time has come.
    const announced = notePoll(FRESH, saw(event({ notBeforeMs: 10_000 })), at(0));
    const unchanged = (ms: number): WatchFacts => notePoll(announced, { kind: 'unchanged' }, at(ms));
    expect(kinds(unchanged(129_000), 129_000)).toEqual([]);
    expect(kinds(unchanged(131_000), 131_000)).toEqual(['not-before-passed']);
    expect(kinds(notePoll(unchanged(131_000), saw(), at(132_000)), 132_000)).toEqual([]);
  });

  it('wonders about its name when five events in a day named others and never this VM', () => {
    const pass = (resources: string[]): WatchFacts =>
      ['A', 'B', 'C', 'D', 'E'].reduce(
        (facts, eventId) => notePoll(facts, saw(event({ eventId, resources })), at(0)),
        FRESH,
      );
    const later = (facts: WatchFacts, ms: number): WatchFacts => notePoll(facts, saw(), at(ms));
    const facts = later(pass(['vm_1']), 24 * HOUR_MS);
    expect(kinds(facts, 24 * HOUR_MS)).toEqual(['name-unmatched']);
    expect(kinds(later(facts, 23 * HOUR_MS), 23 * HOUR_MS)).toEqual([]);
    expect(kinds(later(pass(['vm_1', '_VM_0']), 24 * HOUR_MS), 24 * HOUR_MS)).toEqual([]);
  });

  it('says in the log when a warning begins and when it is over, once each', async () => {
    const clock = new FakeClock();
    const lines: string[] = [];
    const watch = createSelfWatch(
      'vm_0',
      clock,
      createLog('agent', 'info', { isJournal: false, write: (line) => lines.push(line) }),
    );
    await clock.advance(61_000);
    for (let tick = 0; tick < 3; tick++) watch.look();
    expect(watch.warnings()).toHaveLength(1);
    watch.polled(saw());
    for (let tick = 0; tick < 3; tick++) watch.look();
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
      'the agent itself is not well',
      'the agent itself is well again',
    ]);
  });
});
