import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDocument } from '../../../agent/metadata/document.ts';

const event = {
  EventId: '4CAEA225-A741-474D-A72E-428C86FCD853',
  EventStatus: 'Scheduled',
  EventType: 'Reboot',
  ResourceType: 'VirtualMachine',
  Resources: ['flatcar-vm1'],
  NotBefore: 'Thu, 22 Jul 2021 04:50:17 GMT',
  Description: '',
  EventSource: 'User',
  DurationInSeconds: -1,
};
const text = (value: unknown): string => JSON.stringify(value);

describe('reading a document of scheduled events', () => {
  it('reads a document as it is captured on the wire', () => {
    expect(parseDocument(text({ DocumentIncarnation: 2, Events: [event] }))).toEqual({
      kind: 'document',
      document: {
        incarnation: 2,
        events: [
          {
            eventId: event.EventId,
            eventType: 'Reboot',
            status: 'Scheduled',
            resources: ['flatcar-vm1'],
            notBeforeMs: Date.parse('2021-07-22T04:50:17Z'),
            description: '',
            source: 'User',
            durationSeconds: -1,
          },
        ],
      },
    });
  });

  it('reads the oldest shape, an incarnation as text, an empty NotBefore, and fields and types it does not know', () => {
    const old = {
      EventId: 'a',
      EventType: 'Teleport',
      EventStatus: 'Started',
      Resources: ['_x'],
      NotBefore: '',
      New: {},
    };
    const parsed = parseDocument(text({ DocumentIncarnation: '7', Events: [old], More: [] }));
    expect(parsed).toMatchObject({
      kind: 'document',
      document: { incarnation: 7, events: [{ eventType: 'Teleport', durationSeconds: -1 }] },
    });
  });

  it.each([
    ['nothing', ''],
    ['half a document', text({ DocumentIncarnation: 2, Events: [event] }).slice(0, 60)],
    ['no object', '[]'],
    ['null', 'null'],
    ['Events that is no array', text({ DocumentIncarnation: 2, Events: {} })],
    ['no Events', text({ DocumentIncarnation: 2 })],
    ['no incarnation', text({ Events: [] })],
    ['an incarnation that is no integer', text({ DocumentIncarnation: 1.5, Events: [] })],
    ['an event that is text', text({ DocumentIncarnation: 2, Events: ['x'] })],
    ['an event without an id', text({ DocumentIncarnation: 2, Events: [{ ...event, EventId: undefined }] })],
    ['an event without its VMs', text({ DocumentIncarnation: 2, Events: [{ ...event, Resources: 'vm' }] })],
  ])('finds %s unusable, and never empty', (_name, body) => {
    expect(parseDocument(body).kind).toBe('unusable');
  });

  it('never throws and never turns a damaged document into one without events', () => {
    const whole = text({ DocumentIncarnation: 2, Events: [event] });
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 }), (at, byte) => {
        const damaged = whole.slice(0, at) + String.fromCharCode(byte) + whole.slice(at + 1);
        const parsed = parseDocument(damaged);
        return parsed.kind === 'unusable' || parsed.document.events.length === 1;
      }),
      { numRuns: 500 },
    );
  });
});
