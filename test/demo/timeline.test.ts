import { describe, expect, it } from 'vitest';
import { describeEntry } from '../../demo/timeline/describe.ts';
import { parseEntryOrUndefined, type Entry } from '../../demo/timeline/entry.ts';
import { formatHeading, formatLine } from '../../demo/timeline/format.ts';
import { Timeline } from '../../demo/timeline/timeline.ts';
import { FakeClock } from '../support/fake-clock.ts';

const START_MS = Date.parse('2026-11-20T12:00:00Z');

function entry(over: Partial<Entry> = {}): Entry {
  return {
    source: 'agent',
    atMs: START_MS,
    kind: 'drain.proven',
    vm: 'FrontEnd_IN_0',
    eventId: 'E1',
    detail: 'no connection left',
    ...over,
  };
}

describe('a message of a watch stream', () => {
  it('is read with its time as a number or as text', () => {
    const message = { at: START_MS, kind: 'event.gone', eventId: 'E1', detail: 'over', extra: 1 };
    const read = parseEntryOrUndefined(JSON.stringify(message), 'cloud');
    expect(read).toEqual({
      source: 'cloud',
      atMs: START_MS,
      kind: 'event.gone',
      vm: undefined,
      eventId: 'E1',
      detail: 'over',
    });
    const asText = { ...message, at: '2026-11-20T12:00:00.000Z' };
    expect(parseEntryOrUndefined(JSON.stringify(asText), 'cloud')).toEqual(read);
  });

  it('keeps who said it apart in the stream of the scheduler', () => {
    const message = { at: START_MS, kind: 'event.seen', source: 'agent', vm: 'a', detail: '' };
    expect(parseEntryOrUndefined(JSON.stringify(message), 'scheduler')?.source).toBe('agent');
  });

  it.each(['', 'no JSON', '[]', '{"kind":"x"}', '{"at":"yesterday","kind":"x"}'])(
    'is left out when it is %j',
    (text) => {
      expect(parseEntryOrUndefined(text, 'cloud')).toBeUndefined();
    },
  );
});

describe('a line of the timeline', () => {
  const view = { startMs: START_MS, hasColor: false };

  it('stands in columns: time since the step began, who, what, more', () => {
    const line = describeEntry(entry({ atMs: START_MS + 3449 }));
    expect(line && formatLine(line, view)).toBe('  +3.4 s  FrontEnd_IN_0  drained       no connection left');
  });

  it('is cut to the width of the timeline, whatever the detail', () => {
    const line = describeEntry(entry({ detail: 'x '.repeat(200) }));
    expect(line && formatLine(line, view)).toMatch(/^.{100,118}$/);
    expect(line && formatLine(line, view)).toMatch(/…$/);
  });

  it('has colour only where there is some', () => {
    const line = describeEntry(entry({ kind: 'promise.prepared' }));
    expect(line && formatLine(line, view)).not.toContain('\u001B');
    expect(line && formatLine(line, { ...view, hasColor: true })).toContain('\u001B[36mpromised');
  });

  it('is not shown when another program knows the same at first hand', () => {
    expect(describeEntry(entry({ kind: 'approved' }))).toBeUndefined();
    expect(describeEntry(entry({ source: 'cloud', kind: 'event.approved' }))?.what).toBe('approved');
  });

  it('does not repeat in its detail what its columns say', () => {
    const detail = 'FrontEnd_IN_0 leads (term 1)';
    expect(describeEntry(entry({ source: 'scheduler', kind: 'lease.won', detail }))).toMatchObject({
      who: 'FrontEnd_IN_0',
      what: 'leads',
      detail: '(term 1)',
    });
  });

  it('has headings as wide as itself', () => {
    expect(formatHeading('(a) Freeze')).toMatch(/^── \(a\) Freeze ─+$/);
    expect(formatHeading('(a) Freeze')).toHaveLength(118);
  });
});

describe('the timeline', () => {
  function createTimeline(): { clock: FakeClock; printed: string[]; recorded: Entry[]; timeline: Timeline } {
    const clock = new FakeClock(START_MS);
    const printed: string[] = [];
    const recorded: Entry[] = [];
    const timeline = new Timeline({
      clock,
      hasColor: false,
      print: (text) => printed.push(text),
      record: (one) => recorded.push(one),
    });
    return { clock, printed, recorded, timeline };
  }

  it('puts what several programs tell into the order of time', async () => {
    const { clock, printed, timeline } = createTimeline();
    timeline.begin('step');
    timeline.add(entry({ kind: 'promise.prepared', atMs: START_MS + 200 }));
    timeline.add(entry({ source: 'cloud', kind: 'vm.frozen', atMs: START_MS + 100 }));
    expect(printed).toEqual([]);

    await clock.advance(300);

    expect(printed.map((line) => line.split(/\s{2,}/)[3])).toEqual(['is frozen', 'promised']);
  });

  it('shows the same thing of the same VM once', () => {
    const { printed, recorded, timeline } = createTimeline();
    timeline.begin('step');
    timeline.add(entry());
    timeline.add(entry({ atMs: START_MS + 500, detail: 'no connection left, again' }));
    timeline.add(entry({ vm: 'FrontEnd_IN_1' }));
    timeline.add(entry({ eventId: 'E2' }));
    timeline.add(entry({ atMs: START_MS + 5000 }));
    timeline.end();
    expect(printed).toHaveLength(4);
    expect(recorded).toHaveLength(5);
  });

  it('tells who leads an agreement before the approval, and not what is written down after it', () => {
    const { printed, timeline } = createTimeline();
    timeline.begin('step');
    const lease = { source: 'scheduler', kind: 'lease.won' } as const;
    timeline.add(entry({ ...lease, vm: 'a', atMs: START_MS }));
    timeline.add(entry({ source: 'cloud', kind: 'event.approved', vm: 'a', atMs: START_MS + 1 }));
    timeline.add(entry({ ...lease, vm: 'b', atMs: START_MS + 2 }));
    timeline.end();
    timeline.begin('step');
    timeline.add(entry({ ...lease, vm: 'c', atMs: START_MS + 9000 }));
    timeline.add(entry({ ...lease, vm: 'd', eventId: 'E2', atMs: START_MS + 9000 }));
    timeline.end();
    expect(printed.map((line) => line.split(/\s{2,}/).slice(2, 4))).toEqual([
      ['a', 'leads'],
      ['a', 'approved'],
      ['d', 'leads'],
    ]);
  });

  it('is quiet between the steps, and records all the same', () => {
    const { printed, recorded, timeline } = createTimeline();
    timeline.add(entry());
    timeline.begin('step');
    timeline.end();
    timeline.add(entry({ vm: 'b' }));
    timeline.end();
    expect(printed).toEqual([]);
    expect(recorded).toHaveLength(2);
  });

  it('says how many lines it left out of a step that has too many', () => {
    const { printed, timeline } = createTimeline();
    timeline.begin('step');
    for (let index = 0; index < 60; index++) timeline.add(entry({ vm: `vm${index}` }));
    timeline.end();
    expect(printed).toHaveLength(41);
    expect(printed.at(-1)).toContain('20 more lines');
  });

  it('goes on without an end after the steps', async () => {
    const { clock, printed, timeline } = createTimeline();
    timeline.begin('endless');
    for (let index = 0; index < 60; index++) timeline.add(entry({ vm: `vm${index}` }));
    await clock.advance(300);
    expect(printed).toHaveLength(60);
  });
});
