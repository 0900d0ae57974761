import { expect, it, onTestFinished } from 'vitest';
import { createDatabase, query } from '../support/postgres-database.ts';
import { FakeAgent, openScheduler, vmIdentity, type RunningScheduler } from '../support/running-scheduler.ts';
import { apiOf, SHOP } from '../support/scheduler-api.ts';

const WITHIN = { timeout: 20_000, interval: 50 } as const;

/** Two schedulers on one database; the first is the home of fleet jobs. */
async function replicas(): Promise<{
  readonly one: RunningScheduler;
  readonly two: RunningScheduler;
  /** How many VMs the replicas have told each other of, of which this is true. */
  readonly told: (condition: string) => Promise<number>;
}> {
  const database = await createDatabase();
  const start = async (name: string, region: string): Promise<RunningScheduler> =>
    await openScheduler({
      store: { kind: 'postgres', url: database.url, connections: 4, replication: 'none' },
      replica: { name, region },
    });
  const one = await start('one', 'westus');
  const two = await start('two', 'eastus');
  onTestFinished(async () => {
    await one.scheduler.close();
    await two.scheduler.close();
    await database.drop();
  });
  const told = async (condition: string): Promise<number> =>
    (await query(database.url, `select key from vms where ${condition}`)).length;
  return { one, two, told };
}

it('a rollout counts the VMs that are connected to another replica, as they are, also those that came after it was started', async () => {
  const { two, told } = await replicas();
  const far = await FakeAgent.join(two.url, vmIdentity('Web_0'));
  const here = await FakeAgent.join(two.url, vmIdentity('Web_1'));
  far.send({ kind: 'heartbeat', health: { inRotation: false, healthy: true, reasons: ['out'] } });
  await expect.poll(async () => await told(`health like '%"inRotation":false%'`), WITHIN).toBe(1);

  const { call } = apiOf(two.url);
  await call('put', SHOP, { location: 'eastus', properties: { sku: { name: 'Standard' } } });
  const fleet = { selector: { names: ['Web_1'] }, task: 'patch' };
  await call('put', `${SHOP}/jobs/patch`, { properties: { action: { type: 'Fleet', fleet } } });
  const rollouts = async (): Promise<{ status: string; vms: { name: string; phase: string }[] }[]> =>
    ((await (await fetch(`${two.url}/forewarn/v1/rollouts`)).json()) as { value: never[] }).value;
  await expect
    .poll(rollouts, WITHIN)
    .toMatchObject([{ status: 'running', vms: [{ name: 'Web_1', phase: 'waiting' }] }]);
  here.send({ kind: 'heartbeat', health: { inRotation: true, healthy: true, reasons: [] } });
  await call('get', SHOP);
  expect(here.received.filter(({ kind }) => kind === 'drain')).toEqual([]);

  far.send({ kind: 'heartbeat', health: { inRotation: true, healthy: true, reasons: [] } });
  await expect.poll(() => here.received.some(({ kind }) => kind === 'drain'), WITHIN).toBe(true);
  const { workId } = await here.next('drain');
  here.send({ kind: 'drained', workId, attempt: 1, proven: true, detail: '' });
  await here.next('task');
  here.send({ kind: 'taskDone', workId, attempt: 1, ok: true, exitStatus: 0, output: '', detail: '' });
  await here.next('restore');
  here.send({ kind: 'restored', workId, attempt: 1, healthy: true, detail: '' });
  await expect.poll(rollouts, WITHIN).toMatchObject([{ status: 'completed' }]);
}, 60_000);

it('a VM may leave early on the strength of those that are connected to another replica, and two not on the strength of each other', async () => {
  const { one, two, told } = await replicas();
  const first = await FakeAgent.join(one.url, vmIdentity('Web_0'));
  const second = await FakeAgent.join(two.url, vmIdentity('Web_1'));
  await FakeAgent.join(two.url, vmIdentity('Web_2'));
  await expect.poll(async () => await told('owner is not null'), WITHIN).toBe(3);
  const ask = async (agent: FakeAgent, id: number, minimum: number): Promise<boolean> => {
    agent.send({ kind: 'leave', id, minimum });
    return (await agent.next('mayLeave')).granted;
  };
  expect(await ask(first, 1, 3)).toBe(false);
  expect(await ask(first, 2, 2)).toBe(true);
  expect(await ask(second, 1, 2)).toBe(false);
  expect(await ask(second, 2, 1)).toBe(true);
}, 60_000);
