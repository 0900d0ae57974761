import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Agreements } from '../../agent/coordinator/coordinator.ts';
import type { ReportCommand } from '../../common/agreement/command.ts';
import type { AgreementRecord } from '../../common/agreement/record.ts';
import type { Scheduler } from '../../scheduler/main.ts';
import { linkTo, type CoordinatorFleet } from '../support/coordinator-adapters.ts';
import { createDatabase } from '../support/postgres-database.ts';
import { FakeAgent, openScheduler, vmIdentity } from '../support/running-scheduler.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { describeCoordinator } from './coordinator-suite.ts';

const WITHIN = { timeout: 20_000, interval: 20 } as const;

interface Replica {
  readonly scheduler: Scheduler;
  readonly proxy: TcpProxy;
  /** Of the proxy in front of it. */
  readonly url: string;
}

/** Schedulers that share one database, each with a network of its own that can be taken away. */
async function startReplicas(
  names: readonly string[],
): Promise<{ readonly replicas: readonly Replica[]; readonly close: () => Promise<void> }> {
  const database = await createDatabase();
  const replicas: Replica[] = [];
  for (const name of names) {
    const target = { port: 0 };
    const proxy = await startTcpProxy(() => target.port);
    const { scheduler } = await openScheduler({
      store: { kind: 'postgres', url: database.url, connections: 4, replication: 'none' },
      replica: { name, region: undefined },
      hosts: new Set([`127.0.0.1:${proxy.port}`]),
    });
    target.port = scheduler.listening.port;
    replicas.push({ scheduler, proxy, url: `http://127.0.0.1:${proxy.port}` });
  }
  return {
    replicas,
    close: async () => {
      for (const { proxy, scheduler } of replicas) {
        await proxy.close();
        await scheduler.close();
      }
      await database.drop();
    },
  };
}

/** VMs in turn on one replica and the other, so that every agreement is one between both. */
async function startFleet(): Promise<CoordinatorFleet> {
  const { replicas, close } = await startReplicas(['one', 'two']);
  let joined = 0;
  return {
    join: async (vm, events) => {
      const replica = replicas[joined % replicas.length];
      if (replica === undefined) throw new Error('no replica');
      return linkTo([replica.url], { vm, events, seed: ++joined });
    },
    // Leases lapse by the database's clock, which nobody sets.
    advance: async (ms) => {
      await sleep(ms);
    },
    look: async () => {},
    cutOff: () => {
      for (const { proxy } of replicas) proxy.cutOff();
    },
    heal: () => {
      for (const { proxy } of replicas) proxy.heal();
    },
    close,
  };
}

describeCoordinator({ name: 'two schedulers on PostgreSQL', start: startFleet });

describe('agents of two schedulers on PostgreSQL', () => {
  let running: Awaited<ReturnType<typeof startReplicas>>;

  beforeAll(async () => {
    running = await startReplicas(['one', 'two']);
  });

  afterAll(async () => {
    await running.close();
  });

  it('are sent, unasked, what is written through the other one, and only what they have a part in', async () => {
    const [one, two] = running.replicas;
    if (one === undefined || two === undefined) throw new Error('no replicas');
    const writer = await FakeAgent.join(one.url, vmIdentity('web_0'));
    const member = await FakeAgent.join(two.url, vmIdentity('web_1'));
    const bystander = await FakeAgent.join(two.url, vmIdentity('web_2'));
    const stranger = await FakeAgent.join(two.url, vmIdentity('web_1', { scope: 'other' }));
    const report = (number: number, promise: ReportCommand['promise']): ReportCommand => ({
      kind: 'report',
      scope: 'shop',
      eventId: 'PUSHED',
      name: 'web_0',
      vmId: 'id-of-web_0',
      number,
      eventType: 'Reboot',
      resources: ['web_0', 'web_1'],
      promise,
      deadlineReached: false,
      localIntent: false,
    });
    // A fake agent asks for nothing by itself: what it has heard was pushed.
    expect((await writer.command(report(1, 'binding'))).outcome).toEqual({ kind: 'accepted' });
    expect((await member.next('record')).record.members['web_0']).toMatchObject({ number: 1, promise: 'binding' });
    expect((await writer.command(report(2, 'prepared'))).outcome).toEqual({ kind: 'accepted' });
    expect((await member.next('record')).record.members['web_0']).toMatchObject({ number: 2, promise: 'prepared' });
    expect([...bystander.received, ...stranger.received].filter(({ kind }) => kind === 'record')).toEqual([]);
    // And back, to whoever wrote before.
    const answer = { ...report(1, 'prepared'), name: 'web_1', vmId: 'id-of-web_1' };
    expect((await member.command(answer)).outcome).toEqual({ kind: 'accepted' });
    await expect
      .poll(
        () => writer.received.some((message) => message.kind === 'record' && 'web_1' in message.record.members),
        WITHIN,
      )
      .toBe(true);
  });

  it('go on with the other one when theirs is gone, hear what was written meanwhile, and come back', async () => {
    const [one, two] = running.replicas;
    if (one === undefined || two === undefined) throw new Error('no replicas');
    const report: ReportCommand = {
      kind: 'report',
      scope: 'shop',
      eventId: 'FAILOVER',
      name: 'web_0',
      vmId: 'id-of-web_0',
      number: 1,
      eventType: 'Reboot',
      resources: ['web_0', 'web_1'],
      promise: 'prepared',
      deadlineReached: false,
      localIntent: false,
    };
    const heard: AgreementRecord[] = [];
    const news: string[] = [];
    const open = (name: string, urls: readonly string[], seed: number): Agreements => {
      const link = linkTo(urls, {
        vm: { scope: 'shop', name, vmId: `id-of-${name}` },
        events: {
          connected: () => news.push(`${name} connected`),
          disconnected: () => news.push(`${name} disconnected`),
          record: (record) => {
            if (name === 'web_0') heard.push(record);
          },
        },
        seed,
      });
      onTestFinished(() => {
        link.close();
      });
      link.open();
      return link;
    };
    const first = open('web_0', [one.url, two.url], 1);
    const second = open('web_1', [two.url], 2);
    await expect.poll(() => news.toSorted(), WITHIN).toEqual(['web_0 connected', 'web_1 connected']);
    expect((await first.submit(report))?.outcome).toEqual({ kind: 'accepted' });
    expect(await first.submit({ kind: 'campaign', scope: 'shop', eventId: 'FAILOVER', holder: 'web_0' })).toMatchObject(
      {
        record: { term: 1, lease: { holder: 'web_0' } },
      },
    );
    news.length = 0;
    one.proxy.cutOff();
    await expect.poll(() => news, WITHIN).toEqual(['web_0 disconnected', 'web_0 connected']);
    // Its promise and its lease are where it has gone to; what the other VM writes there reaches it.
    const known = await first.reconcile();
    expect(known?.[0]).toMatchObject({ lease: { holder: 'web_0' }, members: { web_0: { promise: 'prepared' } } });
    await second.submit({ ...report, name: 'web_1', vmId: 'id-of-web_1' });
    await expect.poll(() => heard.some((record) => record.members['web_1']?.promise === 'prepared'), WITHIN).toBe(true);
    const hash = known?.[0]?.hash ?? '';
    const intend = { kind: 'intend', scope: 'shop', eventId: 'FAILOVER', holder: 'web_0', term: 1, hash } as const;
    expect(await first.submit(intend)).toMatchObject({ outcome: { kind: 'accepted' }, record: { phase: 'intent' } });
    // And the other way round: the scheduler that it is on now goes, and it is back on the first.
    one.proxy.heal();
    news.length = 0;
    two.proxy.cutOff();
    await expect.poll(() => news, WITHIN).toContain('web_0 connected');
    expect((await first.reconcile())?.[0]).toMatchObject({ phase: 'intent', intent: { by: 'web_0', term: 1 } });
  });
});
