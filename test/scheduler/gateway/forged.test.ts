import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { AgreementCommand, ReportCommand } from '../../../common/agreement/command.ts';
import { LEASE_MS } from '../../../common/agreement/record.ts';
import { AgentKey } from '../../../agent/coordinator/agent-key.ts';
import { PROTOCOL_VERSION, type AgentMessage } from '../../../common/protocol/messages.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeAgent, IN_SERVICE, openScheduler, vmIdentity } from '../../support/running-scheduler.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const EVENT = { scope: 'shop', eventId: 'E1' };
const BOTH = ['web_0', 'web_1'];

function report(name: string, number: number, change: Partial<ReportCommand> = {}): ReportCommand {
  return {
    kind: 'report',
    ...EVENT,
    name,
    vmId: `id-of-${name}`,
    number,
    eventType: 'Reboot',
    resources: BOTH,
    promise: 'prepared',
    deadlineReached: false,
    localIntent: false,
    ...change,
  };
}

/** What must never work, with real sockets: each case is refused, changes nothing and is counted. */
describe('a message that is forged or stale', () => {
  let url = '';
  let clock: FakeClock;
  let first: FakeAgent;
  let second: FakeAgent;

  beforeEach(async () => {
    clock = new FakeClock();
    const running = await openScheduler({}, clock);
    onTestFinished(async () => {
      await running.scheduler.close();
    });
    url = running.url;
    first = await FakeAgent.join(url, vmIdentity('web_0'));
    second = await FakeAgent.join(url, vmIdentity('web_1'));
  });

  const ask = async (what: string): Promise<Record<string, unknown>> =>
    (await (await fetch(`${url}/forewarn/v1/${what}`)).json()) as Record<string, unknown>;
  const refusals = async (): Promise<unknown> => (await ask('health'))['refusals'];
  const refused = async (agent: FakeAgent, command: AgreementCommand, reason: string): Promise<void> => {
    const before = await ask('events');
    expect((await agent.command(command)).outcome).toEqual({ kind: 'refused', reason });
    expect(await ask('events')).toEqual(before);
    expect(await refusals()).toEqual({ [reason]: 1 });
  };

  it.each([
    ['a promise for another VM', report('web_1', 9)],
    ['a promise for its own name under another id', report('web_0', 9, { vmId: 'id-of-web_1' })],
    ['a promise in another scope', report('web_0', 9, { scope: 'bank' })],
    ['a withdrawal for another VM', { kind: 'withdraw', ...EVENT, name: 'web_1', vmId: 'id-of-web_1', number: 9 }],
    ['a candidacy of another VM', { kind: 'campaign', ...EVENT, holder: 'web_1' }],
    ['an approval in the name of the leader', { kind: 'approve', ...EVENT, holder: 'web_1', term: 1 }],
    ['an end in the name of the leader', { kind: 'end', ...EVENT, holder: 'web_1', term: 1 }],
  ] as const)('%s', async (_name, command) => {
    await second.command(report('web_1', 1));
    await second.command({ kind: 'campaign', ...EVENT, holder: 'web_1' });
    await refused(first, command, 'other-identity');
  });

  it('an older promise that is replayed after a newer one', async () => {
    await first.command(report('web_0', 1));
    await first.command({ kind: 'withdraw', ...EVENT, name: 'web_0', vmId: 'id-of-web_0', number: 2 });
    await refused(first, report('web_0', 1), 'stale-number');
  });

  it('the newest promise that is replayed: taken for what it is, a repetition', async () => {
    await first.command(report('web_0', 3));
    const before = ((await ask('events'))['value'] as Record<string, unknown>[])[0];
    expect((await first.command(report('web_0', 3))).outcome).toEqual({ kind: 'accepted' });
    expect(((await ask('events'))['value'] as Record<string, unknown>[])[0]).toEqual(before);
    expect(await refusals()).toEqual({});
  });

  it.each(['intend', 'approve', 'end', 'reopen'] as const)(
    'the word of a leader whose term is over: %s',
    async (kind) => {
      await second.command(report('web_1', 1));
      const { record } = await first.command(report('web_0', 1));
      await first.command({ kind: 'campaign', ...EVENT, holder: 'web_0' });
      await clock.advance(LEASE_MS + 1);
      await second.command({ kind: 'campaign', ...EVENT, holder: 'web_1' });
      const word = { kind, ...EVENT, holder: 'web_0', term: 1 };
      const about = kind === 'intend' ? { hash: record?.hash } : { eventType: 'Reboot', resources: ['web_0'] };
      const command = kind === 'approve' || kind === 'end' ? word : { ...word, ...about };
      await refused(first, command as AgreementCommand, 'stale-term');
    },
  );

  it('a term that nobody has won yet', async () => {
    await second.command(report('web_1', 1));
    const { record } = await first.command(report('web_0', 1));
    await first.command({ kind: 'campaign', ...EVENT, holder: 'web_0' });
    const hash = record?.hash ?? '';
    await refused(first, { kind: 'intend', ...EVENT, holder: 'web_0', term: 2, hash }, 'stale-term');
  });

  it('a machine that answers to the name of a connected VM', async () => {
    const clone = await FakeAgent.connect(url);
    await clone.next('challenge');
    clone.hello(vmIdentity('web_0', { vmId: 'id-of-a-clone' }));
    expect((await clone.next('refused')).reason).toContain('is connected already');
    expect(await refusals()).toEqual({ 'name-taken': 1 });
  });

  it.each([
    [
      'a hello after the hello',
      {
        kind: 'hello',
        protocol: PROTOCOL_VERSION,
        agentVersion: '',
        identity: vmIdentity('web_1'),
        health: IN_SERVICE,
      },
    ],
    ['what is no message', { kind: 'approveEverything' }],
  ] as const)('%s: it costs the connection', async (_name, message) => {
    first.send(message as AgentMessage);
    await first.next('refused');
    expect(await refusals()).toEqual({ 'bad-message': 1 });
  });
});

describe('a proof that is replayed', () => {
  it('on another connection is worth nothing, and is counted', async () => {
    const clock = new FakeClock();
    const { scheduler, url } = await openScheduler({ enrolmentRequired: true }, clock);
    onTestFinished(async () => {
      await scheduler.close();
    });
    const headers = { 'x-forewarn': 'true', 'content-type': 'application/json' };
    const body = JSON.stringify({ scope: 'shop' });
    const issued = await fetch(`${url}/forewarn/v1/agents/tokens`, { method: 'POST', headers, body });
    const { token } = (await issued.json()) as { token: string };
    const key = await AgentKey.open(temporaryFolder(), clock);
    const identity = vmIdentity('web_0');
    const hello = {
      kind: 'hello',
      protocol: PROTOCOL_VERSION,
      agentVersion: '1',
      identity,
      health: IN_SERVICE,
    } as const;
    const first = await FakeAgent.connect(url);
    const proof = key.prove((await first.next('challenge')).nonce, identity, token);
    first.send({ ...hello, proof });
    await first.next('welcome');
    const thief = await FakeAgent.connect(url);
    await thief.next('challenge');
    thief.send({ ...hello, proof });
    expect(await thief.next('refused')).toMatchObject({ isAboutKey: true });
    const health = (await (await fetch(`${url}/forewarn/v1/health`)).json()) as { refusals: unknown };
    expect(health.refusals).toEqual({ 'bad-proof': 1 });
  });
});
