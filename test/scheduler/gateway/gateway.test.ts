import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { subjectHash } from '../../../common/agreement/names.ts';
import type { ReportCommand } from '../../../common/agreement/command.ts';
import { MAX_MESSAGE_BYTES, PROTOCOL_VERSION, type AgentMessage } from '../../../common/protocol/messages.ts';
import type { WatchEntry } from '../../../scheduler/watch.ts';
import { eventually, FakeAgent, IN_SERVICE, runningScheduler, vmIdentity } from '../../support/running-scheduler.ts';

const EVENT = { scope: 'shop', eventId: 'A1B2' };
const HASH = subjectHash({ eventId: 'A1B2', eventType: 'Reboot', resources: ['Web_0', 'Web_1'] });

function report(name: string, change: Partial<ReportCommand> = {}): ReportCommand {
  return {
    kind: 'report',
    ...EVENT,
    name,
    vmId: `id-of-${name}`,
    number: 1,
    eventType: 'Reboot',
    resources: ['Web_0', 'Web_1'],
    promise: 'prepared',
    deadlineReached: false,
    localIntent: false,
    ...change,
  };
}

async function vms(
  url: string,
): Promise<{ name: string; connected: boolean; inRotation: boolean; inventory: unknown; vmId: string }[]> {
  const response = await fetch(`${url}/forewarn/v1/vms`);
  return ((await response.json()) as { value: never[] }).value;
}

describe('an agent that connects', () => {
  it('is welcomed, listed, and lost when its connection ends', async () => {
    const { url } = await runningScheduler();
    const agent = await FakeAgent.join(url, vmIdentity('Web_0'));
    await eventually(
      async () => await vms(url),
      (list) => list[0]?.connected === true,
    );
    agent.send({ kind: 'heartbeat', health: { inRotation: false, healthy: false, reasons: ['draining'] } });
    await eventually(
      async () => await vms(url),
      (list) => list[0]?.inRotation === false,
    );
    agent.socket.close();
    expect(
      await eventually(
        async () => await vms(url),
        (list) => list[0]?.connected === false,
      ),
    ).toMatchObject([{ name: 'Web_0', inRotation: false }]);
  });

  it('leaves its inventory', async () => {
    const { url } = await runningScheduler();
    const agent = await FakeAgent.join(url, vmIdentity('Web_0'));
    const inventory = {
      hostname: 'h',
      os: 'o',
      kernel: 'k',
      cpuModel: 'c',
      cpus: 2,
      memoryBytes: 1,
      bootedAtMs: 1,
      addresses: [],
      disks: [],
    };
    agent.send({ kind: 'inventory', inventory });
    await eventually(
      async () => await vms(url),
      (list) => list[0]?.inventory !== null,
    );
    expect((await vms(url))[0]?.inventory).toEqual(inventory);
  });

  it('with another protocol is refused, and told which one is spoken', async () => {
    const { url } = await runningScheduler();
    const agent = await FakeAgent.connect(url);
    agent.hello(vmIdentity('Web_0'), 99);
    expect((await agent.next('refused')).reason).toBe(
      `this scheduler speaks protocol ${PROTOCOL_VERSION}, the agent 99; install the same version of both`,
    );
    expect((await agent.closed).code).toBe(1008);
  });

  it('of another version is told that it is, whatever else its hello says; counted, and it agrees with nobody', async () => {
    const { url } = await runningScheduler();
    const agent = await FakeAgent.connect(url);
    const { role: _role, ...identity } = vmIdentity('Web_0');
    agent.socket.send(JSON.stringify({ kind: 'hello', protocol: 5, identity, surprise: true }));
    expect((await agent.next('refused')).reason).toContain(`speaks protocol ${PROTOCOL_VERSION}, the agent 5`);
    await agent.closed;
    expect(await (await fetch(`${url}/forewarn/v1/health`)).json()).toMatchObject({
      refusals: { 'other-protocol': 1 },
    });
    expect(await vms(url)).toEqual([]);
  });

  it('replaces its own older connection', async () => {
    const { url } = await runningScheduler();
    const older = await FakeAgent.join(url, vmIdentity('Web_0'));
    await FakeAgent.join(url, vmIdentity('WEB_0', { vmId: 'id-of-Web_0' }));
    expect((await older.closed).reason).toContain('replaced');
    expect(await vms(url)).toMatchObject([{ name: 'WEB_0', connected: true }]);
  });

  it('under the name of a connected VM with another id is refused, and the first stays', async () => {
    const { url } = await runningScheduler();
    await FakeAgent.join(url, vmIdentity('Web_0'));
    const impostor = await FakeAgent.connect(url);
    impostor.hello(vmIdentity('_web_0', { vmId: 'other' }));
    expect((await impostor.next('refused')).reason).toContain('is connected already, as the VM with id id-of-Web_0');
    expect(await vms(url)).toMatchObject([{ vmId: 'id-of-Web_0', connected: true }]);
    // The same name in another scope is another VM.
    await FakeAgent.join(url, vmIdentity('Web_0', { scope: 'staging', vmId: 'other' }));
  });

  it.each([
    [
      'says something before hello',
      (agent: FakeAgent) => agent.send({ kind: 'heartbeat', health: IN_SERVICE }),
      'the first message must be hello',
    ],
    [
      'says hello twice',
      (agent: FakeAgent) => [0, 1].forEach(() => agent.hello(vmIdentity('Web_0'))),
      'says hello once',
    ],
    ['sends no JSON', (agent: FakeAgent) => agent.socket.send('{'), 'it is no JSON'],
    [
      'sends an unknown kind',
      (agent: FakeAgent) => agent.send({ kind: 'shout' } as unknown as AgentMessage),
      'was not understood',
    ],
    [
      'sends an unknown field',
      (agent: FakeAgent) => agent.send({ kind: 'reconcile', id: 1, x: 1 } as unknown as AgentMessage),
      'was not understood',
    ],
    ['sends bytes', (agent: FakeAgent) => agent.socket.send(Buffer.from('{}')), 'messages are text'],
    [
      'sends more than it may',
      (agent: FakeAgent) => {
        agent.hello(vmIdentity('Web_0'));
        for (let count = 0; count < 1500; count++) agent.send({ kind: 'heartbeat', health: IN_SERVICE });
      },
      'too many messages',
    ],
  ])('and %s is refused', async (_title, act, reason) => {
    const { url } = await runningScheduler();
    const agent = await FakeAgent.connect(url);
    act(agent);
    expect((await agent.next('refused')).reason).toContain(reason);
    expect((await agent.closed).code).toBe(1008);
  });

  it('and sends a message beyond the bound loses its connection', async () => {
    const { url } = await runningScheduler();
    const agent = await FakeAgent.join(url, vmIdentity('Web_0'));
    agent.socket.send('x'.repeat(MAX_MESSAGE_BYTES + 1));
    expect((await agent.closed).code).toBe(1009);
  });

  it('from a page in a browser, or at another path, is turned away', async () => {
    const { url } = await runningScheduler();
    await expect(FakeAgent.connect(url, { Origin: 'http://evil.example' })).rejects.toThrow('403');
    await expect(FakeAgent.connect(url, { Host: 'evil.example' })).rejects.toThrow('403');
    const elsewhere = new WebSocket(`${url.replace('http', 'ws')}/elsewhere`);
    const refused = await new Promise<Error>((resolve) => {
      elsewhere.once('error', resolve);
    });
    expect(refused.message).toContain('404');
  });
});

describe('a connected agent', () => {
  it('writes its own promise, and every VM of the event hears of the new record', async () => {
    const { url } = await runningScheduler();
    const first = await FakeAgent.join(url, vmIdentity('Web_0'));
    const second = await FakeAgent.join(url, vmIdentity('Web_1'));
    const stranger = await FakeAgent.join(url, vmIdentity('Web_2'));
    const elsewhere = await FakeAgent.join(url, vmIdentity('Web_1', { scope: 'staging', vmId: 'x' }));
    const answer = await first.command(report('Web_0'));
    expect(answer).toMatchObject({
      outcome: { kind: 'accepted' },
      record: { phase: 'preparing', members: { web_0: { promise: 'prepared' } } },
    });
    expect((await second.next('record')).record).toEqual(answer.record);
    stranger.send({ kind: 'reconcile', id: 5 });
    expect(await stranger.next('records')).toEqual({ kind: 'records', id: 5, records: [] });
    for (const agent of [stranger, elsewhere]) expect(agent.received.some(({ kind }) => kind === 'record')).toBe(false);
    second.send({ kind: 'reconcile', id: 6 });
    expect((await second.next('records')).records).toEqual([answer.record]);
  });

  it.each([
    ['the promise of another VM', report('Web_1')],
    ['under its name with another id', report('Web_0', { vmId: 'other' })],
    ['into another scope', report('Web_0', { scope: 'staging' })],
    ['a withdrawal of another VM', { kind: 'withdraw', ...EVENT, name: 'Web_1', vmId: 'id-of-Web_1', number: 9 }],
    ['a candidacy of another VM', { kind: 'campaign', ...EVENT, holder: 'Web_1' }],
    ['an intent of another VM', { kind: 'intend', ...EVENT, holder: 'Web_1', term: 1, hash: HASH }],
    ['an approval of another VM', { kind: 'approve', ...EVENT, holder: 'Web_1', term: 1 }],
    [
      'a reopening by another VM',
      { kind: 'reopen', ...EVENT, holder: 'Web_1', term: 1, eventType: 'Reboot', resources: ['Web_0'] },
    ],
    ['an end by another VM', { kind: 'end', ...EVENT, holder: 'Web_1', term: 1 }],
  ] as const)('cannot write %s', async (_title, command) => {
    const { url } = await runningScheduler();
    const other = await FakeAgent.join(url, vmIdentity('Web_1'));
    await other.command(report('Web_1'));
    const leading = await other.command({ kind: 'campaign', ...EVENT, holder: 'Web_1' });
    const agent = await FakeAgent.join(url, vmIdentity('Web_0'));
    expect(await agent.command(command)).toEqual({
      kind: 'answer',
      id: 1,
      outcome: { kind: 'refused', reason: 'other-identity' },
    });
    other.send({ kind: 'reconcile', id: 1 });
    expect((await other.next('records')).records).toEqual([leading.record]);
    const health = (await (await fetch(`${url}/forewarn/v1/health`)).json()) as { refusals: unknown };
    expect(health.refusals).toEqual({ 'other-identity': 1 });
  });

  it('leads, intends and approves, and the timeline and the events say so in words', async () => {
    const { url } = await runningScheduler({ unmanaged: new Set(['web_9']) });
    const entries: WatchEntry[] = [];
    const watch = new WebSocket(`${url.replace('http', 'ws')}/forewarn/v1/watch`);
    watch.on('message', (data: Buffer) => entries.push(JSON.parse(data.toString()) as WatchEntry));
    await new Promise((resolve) => watch.once('open', resolve));
    const first = await FakeAgent.join(url, vmIdentity('Web_0'));
    const second = await FakeAgent.join(url, vmIdentity('Web_1'));
    const events = async (): Promise<Record<string, unknown>[]> =>
      ((await (await fetch(`${url}/forewarn/v1/events`)).json()) as { value: Record<string, unknown>[] }).value;

    await first.command(report('Web_0'));
    expect(await events()).toMatchObject([
      {
        eventId: 'A1B2',
        phase: 'preparing',
        leader: null,
        awaited: ['Web_1 has not reported: its agent is connected, but has not told of this event'],
      },
    ]);
    await second.command(report('Web_1', { promise: 'binding' }));
    expect((await events())[0]?.['awaited']).toEqual(['Web_1 is still draining']);
    await first.command({ kind: 'campaign', ...EVENT, holder: 'Web_0' });
    expect((await first.command({ kind: 'intend', ...EVENT, holder: 'Web_0', term: 1, hash: HASH })).outcome).toEqual({
      kind: 'refused',
      reason: 'not-ready',
    });
    await second.command(report('Web_1', { number: 2 }));
    await first.command({ kind: 'intend', ...EVENT, holder: 'Web_0', term: 1, hash: HASH });
    await first.command({ kind: 'approve', ...EVENT, holder: 'Web_0', term: 1 });
    expect(await events()).toMatchObject([
      {
        phase: 'approved',
        leader: 'Web_0',
        term: 1,
        intent: { by: 'Web_0', term: 1 },
        awaited: [],
        vms: [
          { name: 'Web_0', promise: 'prepared' },
          { name: 'Web_1', promise: 'prepared' },
        ],
      },
    ]);
    second.send({
      kind: 'activity',
      activity: { kind: 'event.started', atMs: 123, eventId: 'A1B2', detail: 'it has begun' },
    });
    await eventually(
      async () => await Promise.resolve(entries),
      (list) => list.at(-1)?.kind === 'event.started',
    );
    watch.terminate();
    expect(entries.map(({ kind, vm, detail }) => `${kind} ${vm ?? '-'}: ${detail}`)).toEqual([
      'vm.connected Web_0: its agent 0.1.0 is connected',
      'vm.connected Web_1: its agent 0.1.0 is connected',
      'agreement.preparing -: Reboot of Web_0, Web_1: promises are collected',
      'lease.won Web_0: Web_0 leads (term 1)',
      'agreement.intent Web_0: Web_0 is about to approve (term 1): all have promised',
      'agreement.approved Web_0: Web_0 has approved',
      'event.started Web_1: it has begun',
    ]);
    expect(entries.at(-1)).toEqual({
      at: 123,
      source: 'agent',
      vm: 'Web_1',
      kind: 'event.started',
      eventId: 'A1B2',
      detail: 'it has begun',
    });
    expect(entries.find(({ kind }) => kind === 'lease.won')).toMatchObject({ source: 'scheduler', eventId: 'A1B2' });
  });
});
