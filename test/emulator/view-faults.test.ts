import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NewFault } from '../../emulator/control/operations.ts';
import { MAX_BEHIND_MS } from '../../emulator/faults.ts';
import { parseFleet } from '../../emulator/fleet/load-fleet.ts';
import { startEmulator, type Emulator } from '../../emulator/start-emulator.ts';
import { FakeClock } from '../support/fake-clock.ts';

const FLEET = `
control: 127.0.0.1:0
host: none
availabilitySets: [{ name: set, updateDomains: 1, vms: [{ name: web1 }, { name: web2 }] }]
`;

interface Document {
  readonly DocumentIncarnation: number;
  readonly Events: readonly { readonly EventId: string; readonly EventStatus: string; readonly NotBefore: string }[];
}

let emulator: Emulator;
let clock: FakeClock;
beforeEach(async () => {
  clock = new FakeClock();
  const fleet = parseFleet({ file: 'fleet.yaml', text: FLEET });
  emulator = await startEmulator({ fleet, environment: {}, programs: { node: '', forewarn: [] }, clock });
});
afterEach(async () => {
  await emulator.close();
});

async function ask(vm: string, headers: Record<string, string> = {}, body?: string): Promise<Response> {
  const found = emulator.vms.find((other) => other.name === vm);
  const method = body === undefined ? 'GET' : 'POST';
  return await fetch(`${found?.metadata ?? ''}/metadata/scheduledevents?api-version=2020-07-01`, {
    method,
    headers: { Metadata: 'true', ...headers },
    ...(body === undefined ? {} : { body }),
  });
}

async function seen(vm: string): Promise<Document> {
  const response = await ask(vm);
  const document = (await response.json()) as Document;
  expect(response.headers.get('etag')).toBe(`"${document.DocumentIncarnation}"`);
  return document;
}

const statuses = async (vm: string): Promise<readonly string[]> =>
  (await seen(vm)).Events.map((event) => event.EventStatus);

const set = async (fault: NewFault): Promise<unknown> => await emulator.operations.setFault(fault);

const reboot = (): string => emulator.operations.schedule({ type: 'Reboot', resources: ['web1'] }).eventId;

async function approve(vm: string, eventId: string): Promise<number> {
  return (await ask(vm, {}, JSON.stringify({ StartRequests: [{ EventId: eventId }] }))).status;
}

describe('behind', () => {
  it('shows one VM every document so much later than the others, and takes its approvals', async () => {
    await seen('web2');
    await clock.advance(60_000);
    await set({ kind: 'behind', vm: 'WEB1', byMs: 20_000 });
    const eventId = reboot();
    const announced = await seen('web2');
    expect(announced.Events).toHaveLength(1);
    expect(await seen('web1')).toEqual({ DocumentIncarnation: 1, Events: [] });
    await clock.advance(19_999);
    expect(await statuses('web1')).toEqual([]);
    await clock.advance(1);
    expect(await seen('web1')).toEqual(announced);
    expect(await approve('web1', eventId)).toBe(200);
    expect(await statuses('web2')).toEqual(['Started']);
    expect(await statuses('web1')).toEqual(['Scheduled']);
    await clock.advance(20_000);
    expect(await statuses('web1')).toEqual(['Started']);
    await emulator.operations.clearFaults();
    expect(await seen('web1')).toEqual(await seen('web2'));
  });

  it('shows what was before it was set, when it is set in the middle', async () => {
    await seen('web1');
    reboot();
    await clock.advance(5000);
    await set({ kind: 'behind', byMs: 10_000 });
    expect(await statuses('web1')).toEqual([]);
    await set({ kind: 'behind', byMs: 5000 });
    expect(await statuses('web1')).toEqual(['Scheduled']);
  });

  it('is 20 s when nothing is said, and bounded', async () => {
    expect(await set({ kind: 'behind' })).toMatchObject({ byMs: 20_000 });
    for (const byMs of [0, -1, MAX_BEHIND_MS + 1]) {
      await expect(set({ kind: 'behind', byMs })).rejects.toThrow('by: expected');
    }
    await expect(set({ kind: 'hang', byMs: 1 })).rejects.toThrow('by goes with behind and clock-skew only');
  });

  it('never shows an incarnation with another content than the others saw', async () => {
    await set({ kind: 'behind', vm: 'web1', byMs: 3000 });
    const contents = new Map<number, string>();
    for (let second = 0; second < 400; second += 1) {
      if (second % 7 === 3) reboot();
      for (const vm of ['web2', 'web1']) {
        const { DocumentIncarnation: incarnation, Events: events } = await seen(vm);
        const content = JSON.stringify(events);
        expect(contents.get(incarnation) ?? content).toBe(content);
        contents.set(incarnation, content);
      }
      const first = emulator.operations.events().find((event) => event.state === 'scheduled');
      if (second % 5 === 4 && first !== undefined) emulator.operations.cancel(first.eventId);
      await clock.advance(1000);
    }
    expect(contents.size).toBeGreaterThan(100);
  });
});

describe('stale-document', () => {
  it('shows the document as it was when it was set, for as long as it lasts', async () => {
    await seen('web1');
    const eventId = reboot();
    const before = await seen('web1');
    await set({ kind: 'stale-document', vm: 'web1', forMs: 3_600_000 });
    emulator.operations.cancel(eventId);
    expect(await statuses('web2')).toEqual([]);
    await clock.advance(MAX_BEHIND_MS * 2);
    expect(await seen('web1')).toEqual(before);
    expect((await ask('web1', { 'If-None-Match': `"${before.DocumentIncarnation}"` })).status).toBe(304);
    await clock.advance(3_600_000);
    expect(await seen('web1')).toEqual(await seen('web2'));
  });

  it('stays at the first document anyone sees, when nobody had asked before', async () => {
    await set({ kind: 'stale-document' });
    const first = await seen('web1');
    reboot();
    expect(await seen('web1')).toEqual(first);
    expect(await seen('web2')).toEqual(first);
  });

  it('begins anew when it is set again', async () => {
    await seen('web1');
    await set({ kind: 'stale-document' });
    reboot();
    expect(await statuses('web1')).toEqual([]);
    await set({ kind: 'stale-document' });
    expect(await statuses('web1')).toEqual(['Scheduled']);
  });
});

describe('empty-document', () => {
  it.each([1, 300])(
    'denies events for %i s and no longer, also to who has the document, and takes approvals',
    async (seconds) => {
      await seen('web1');
      const eventId = reboot();
      const { DocumentIncarnation: incarnation } = await seen('web1');
      await set({ kind: 'empty-document', vm: 'web1', forMs: seconds * 1000 });
      const answer = await ask('web1', { 'If-None-Match': `"${incarnation}"` });
      expect([answer.status, await answer.json()]).toEqual([200, { DocumentIncarnation: incarnation, Events: [] }]);
      await clock.advance(seconds * 1000 - 1);
      expect(await statuses('web1')).toEqual([]);
      expect(await statuses('web2')).toEqual(['Scheduled']);
      expect(await approve('web1', eventId)).toBe(200);
      await clock.advance(1);
      expect(await statuses('web1')).toEqual(['Started']);
    },
  );
});

describe('clock-skew', () => {
  it.each([90_000, -90_000])('shifts NotBefore and Date by %i ms, and nothing else', async (byMs) => {
    await seen('web1');
    reboot();
    await set({ kind: 'clock-skew', vm: 'web1', byMs });
    const right = await seen('web2');
    const response = await ask('web1');
    const skewed = (await response.json()) as Document;
    expect(Date.parse(response.headers.get('date') ?? '')).toBe(clock.now() + byMs);
    const notBefore = Date.parse(right.Events[0]?.NotBefore ?? '') + byMs;
    expect(skewed).toEqual({
      ...right,
      Events: [{ ...right.Events[0], NotBefore: new Date(notBefore).toUTCString() }],
    });
  });

  it('leaves the empty NotBefore of a started event', async () => {
    await seen('web1');
    emulator.operations.start(reboot());
    await set({ kind: 'clock-skew', byMs: 90_000 });
    expect((await seen('web1')).Events[0]?.NotBefore).toBe('');
  });
});

describe('connections that are left open', () => {
  async function rawAsk(): Promise<{ socket: Socket; received: () => string }> {
    const socket = connect(Number(new URL(emulator.vms[0]?.metadata ?? '').port), '127.0.0.1');
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.write('GET /metadata/scheduledevents?api-version=2020-07-01 HTTP/1.1\r\nHost: x\r\nMetadata: true\r\n\r\n');
    return { socket, received: () => text };
  }

  it('stall sends half of what the headers promise, then nothing, and does not close', async () => {
    await set({ kind: 'stall' });
    const { socket, received } = await rawAsk();
    while (!received().includes('{')) await new Promise((resolve) => socket.once('data', resolve));
    // An answer of another VM's service is a round trip after which anything else would have come.
    await emulator.operations.clearFaults();
    await ask('web2');
    const [head = '', body = ''] = received().split('\r\n\r\n');
    const promised = Number(/content-length: (\d+)/i.exec(head)?.[1]);
    expect(body.length).toBe(Math.ceil(promised / 2));
    expect(socket.readableEnded).toBe(false);
    expect(socket.closed).toBe(false);
    socket.destroy();
  });

  it('hang takes the request, sends nothing, does not close, and stays so when the fault is over', async () => {
    await set({ kind: 'hang', vm: 'web1' });
    const { socket, received } = await rawAsk();
    await ask('web2');
    await emulator.operations.clearFaults();
    await ask('web1');
    expect(received()).toBe('');
    expect(socket.closed).toBe(false);
    socket.destroy();
  });
});
