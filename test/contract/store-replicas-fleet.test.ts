import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../common/runtime/clock.ts';
import { silentLog } from '../../common/runtime/log.ts';
import { seededRandom, systemRandom } from '../../common/runtime/random.ts';
import { createClaimPlan } from '../../scheduler/engine/plan.ts';
import type { JobDefinition } from '../../scheduler/jobs/definition.ts';
import type { NearVm, Order } from '../../scheduler/replicas/fleet-store.ts';
import type { RolloutReport, RolloutState } from '../../scheduler/rollout.ts';
import { openStore } from '../../scheduler/store/open.ts';
import type { Claim, Store, StoreNews } from '../../scheduler/store/store.ts';
import { vmKey } from '../../scheduler/vm-key.ts';
import { createDatabase, query } from '../support/postgres-database.ts';
import { eventually, IN_SERVICE, vmIdentity } from '../support/running-scheduler.ts';
import { execution, givenJob } from '../support/scheduler-store.ts';
import { storeAdapters, storeOfTest } from '../support/store-adapters.ts';

const NOW = Date.now() - 10_000;
const LONG_MS = 60_000;
const A = { name: 'a', region: undefined };
const B = { name: 'b', region: undefined };
const FLEET: JobDefinition = {
  action: {
    type: 'Fleet',
    fleet: {
      selector: { role: 'Web' },
      task: 'patch',
      parameters: {},
      timeoutSeconds: 1,
      settleSeconds: 0,
      maxUnavailable: 1,
    },
  },
};
const plan = createClaimPlan(seededRandom(9));

async function claim(store: Store, regionsOfOthers: readonly string[] = []): Promise<readonly Claim[]> {
  return (await store.executions.claimDue({ limit: 100, plan, regionsOfOthers })).claims;
}

function rollout(id: string, change: Partial<RolloutState> = {}): RolloutState {
  return {
    id,
    job: 'Shop/Nightly',
    attempt: 1,
    status: 'running',
    reason: '',
    task: 'patch',
    parameters: {},
    timeoutMs: 1000,
    settleMs: 0,
    maxUnavailable: 1,
    startedAtMs: 1,
    vms: [],
    ...change,
  };
}

function near(name: string, change: Partial<NearVm> = {}): NearVm {
  const identity = vmIdentity(name);
  return {
    key: vmKey(identity.scope, name),
    vm: { identity, agentVersion: '1', inventory: undefined, firstSeenAtMs: 1, lastSeenAtMs: 1 },
    connection: `c-${name}`,
    connectedAtMs: 100,
    health: IN_SERVICE,
    healthAtMs: 100,
    ...change,
  };
}

const order: Order = {
  kind: 'order',
  key: 'shop/web_0',
  connection: 'c1',
  message: { kind: 'restore', workId: 'e1:Web_0', attempt: 1 },
};
const report: RolloutReport = {
  kind: 'taskDone',
  key: 'shop/web_0',
  workId: 'e1:Web_0',
  attempt: 1,
  ok: false,
  detail: 'exited with status 3',
};

describe.each(storeAdapters)('a step of a rollout in $name', (adapter) => {
  it('is taken only by a replica that lives, for an execution that is its own and not over, under its attempt', async () => {
    const { store } = await storeOfTest(adapter);
    const job = await givenJob(store, NOW, { definition: FLEET });
    await store.executions.add(execution(job));
    expect(await store.rollouts.put(rollout('e1'))).toBe(false);
    await store.replicas.beat(A, LONG_MS);
    // What it had claimed before it lived, or while it was taken for dead, is to be repeated.
    expect(await store.rollouts.put(rollout('e1'))).toBe(false);
    await store.executions.add(execution(job, { id: 'e2' }));
    expect(await store.rollouts.put(rollout('e2', { attempt: 2 }))).toBe(false);
    expect(await store.rollouts.put(rollout('e9'))).toBe(false);
    expect(await store.rollouts.list(9)).toEqual([]);
    expect(await store.rollouts.put(rollout('e2'))).toBe(true);
    await store.executions.finish(execution(job, { id: 'e2', status: 'failed', endedAtMs: NOW }), [], undefined);
    expect(await store.rollouts.put(rollout('e2', { reason: 'late' }))).toBe(false);
    expect((await store.rollouts.list(9)).map(({ reason }) => reason)).toEqual(['']);
  });
});

describe('the fleet of replicas on one PostgreSQL', () => {
  let url: string;
  const open = async (): Promise<Store> => {
    const store = await openStore(
      { kind: 'postgres', url, connections: 3, replication: 'none' },
      { clock: systemClock, random: systemRandom, log: silentLog },
    );
    onTestFinished(async () => {
      await store.close();
    });
    return store;
  };

  beforeEach(async () => {
    const database = await createDatabase();
    ({ url } = database);
    onTestFinished(async () => {
      await database.drop();
    });
  });

  it('has its jobs claimed by the replica that has lived longest, and by the next when that is gone', async () => {
    const [home, other] = [await open(), await open()];
    await home.replicas.beat(A, 500);
    expect((await other.replicas.beat(B, LONG_MS)).fleetHome).toBe('a');
    await givenJob(other, NOW, { definition: FLEET });
    await givenJob(other, NOW, { ref: { job: 'http' } });
    expect((await claim(other)).map(({ job }) => job.job)).toEqual(['http']);
    expect(await other.executions.earliestDue([])).toBeUndefined();
    const [first] = await claim(home);
    expect(first?.job.job).toBe('Nightly');

    await eventually(
      async () => await other.replicas.beat(B, LONG_MS),
      ({ takenOver }) => takenOver > 0,
    );
    const [again] = await claim(other);
    expect(again?.execution).toMatchObject({ id: first?.execution.id, attempt: 2 });
    // Back, it is the younger one, and what it believes to perform is not its own.
    expect((await home.replicas.beat(A, LONG_MS)).fleetHome).toBe('b');
    await givenJob(home, NOW, { definition: FLEET, ref: { job: 'later' } });
    expect(await claim(home)).toEqual([]);
    const id = first?.execution.id ?? '';
    expect(await home.rollouts.put(rollout(id))).toBe(false);
    expect(await other.rollouts.put(rollout(id, { attempt: 2 }))).toBe(true);
  });

  it('has its jobs claimed by its home whatever the region, for it has one budget', async () => {
    const store = await open();
    await store.replicas.beat(A, LONG_MS);
    await givenJob(store, NOW, { definition: FLEET });
    await givenJob(store, NOW, { ref: { job: 'http' } });
    expect((await claim(store, ['local'])).map(({ job }) => job.job)).toEqual(['Nightly']);
  });

  it('knows which of its VMs are connected to a replica that lives, and how they are', async () => {
    const [here, there] = [await open(), await open()];
    await there.replicas.beat(B, 1000);
    await here.replicas.beat(A, LONG_MS);
    const out = { inRotation: false, healthy: true, reasons: ['drained'] };
    await there.fleet.announce([near('Web_0'), near('Web_1', { health: out })], []);
    await here.fleet.announce([near('Web_2')], []);
    expect(await here.fleet.elsewhere(undefined)).toMatchObject([
      { key: 'shop/web_0', connection: 'c-Web_0', connectedAtMs: 100, health: IN_SERVICE },
      { key: 'shop/web_1', health: out, healthAtMs: 100 },
    ]);
    expect((await here.fleet.elsewhere(['shop/web_1', 'shop/web_2'])).map(({ key }) => key)).toEqual(['shop/web_1']);
    // The end of an older connection says nothing about this one.
    await there.fleet.announce([], [{ key: 'shop/web_0', connection: 'older' }]);
    await there.fleet.announce([], [{ key: 'shop/web_1', connection: 'c-Web_1' }]);
    expect((await here.fleet.elsewhere(undefined)).map(({ key }) => key)).toEqual(['shop/web_0']);
    // A replica that does not beat is no witness, also before anybody has noticed.
    await eventually(
      async () => await here.fleet.elsewhere(undefined),
      (vms) => vms.length === 0,
    );
  });

  it('counts the newest connection of a VM, whoever tells of it last', async () => {
    const [here, there] = [await open(), await open()];
    for (const [store, replica] of [
      [here, A],
      [there, B],
    ] as const)
      await store.replicas.beat(replica, LONG_MS);
    await there.fleet.announce([near('Web_0', { connection: 'new', connectedAtMs: 200 })], []);
    await here.fleet.announce([near('Web_0', { connection: 'old', connectedAtMs: 100 })], []);
    expect(await here.fleet.elsewhere(undefined)).toMatchObject([{ connection: 'new' }]);
    expect(await there.fleet.elsewhere(undefined)).toEqual([]);
    await here.fleet.announce([near('Web_0', { connection: 'newest', connectedAtMs: 300 })], []);
    expect(await there.fleet.elsewhere(undefined)).toMatchObject([{ connection: 'newest' }]);
  });

  it('carries orders with the step that they belong to, and answers to whoever performs it', async () => {
    const [home, there] = [await open(), await open()];
    await home.replicas.beat(A, LONG_MS);
    await there.replicas.beat(B, LONG_MS);
    const owner = async (name: string): Promise<string> =>
      String((await query(url, `select owner from replicas where name = '${name}'`))[0]?.['owner']);
    const heard: StoreNews[] = [];
    const heardAtHome: StoreNews[] = [];
    there.subscribe((news) => heard.push(news));
    home.subscribe((news) => heardAtHome.push(news));
    const job = await givenJob(home, NOW, { definition: FLEET });
    await home.executions.add(execution(job));

    expect(await home.rollouts.put(rollout('e1', { attempt: 9 }), [{ to: await owner('b'), order }])).toBe(false);
    expect(await there.fleet.readMail()).toEqual([]);
    await home.rollouts.put(rollout('e1'), [{ to: await owner('b'), order }]);
    await eventually(
      async () => await Promise.resolve(heard),
      (news) => news.some(({ kind }) => kind === 'mail'),
    );
    const [first] = await there.fleet.readMail();
    expect(first?.content).toEqual(order);
    expect(await home.fleet.readMail()).toEqual([]);
    // It stays until it was dealt with: who reads it may die of it.
    expect(await there.fleet.readMail()).toHaveLength(1);
    await there.fleet.throwAway([first?.number ?? 0]);
    expect(await there.fleet.readMail()).toEqual([]);

    await there.fleet.forward([report, { ...report, workId: 'e7:Web_0' }]);
    expect((await home.fleet.readMail()).map(({ content }) => content)).toEqual([{ kind: 'report', report }]);
    await eventually(
      async () => await Promise.resolve(heardAtHome),
      (news) => news.some(({ kind }) => kind === 'mail'),
    );
    expect(heard.filter(({ kind }) => kind === 'mail')).toHaveLength(1);

    // Nobody reads the mail of the dead, and it is not kept for them.
    await home.replicas.leave();
    await there.replicas.beat(B, LONG_MS);
    expect(await query(url, 'select * from mail')).toEqual([]);
  });

  it('tells of many VMs in as many notifications as it takes', async () => {
    const [here, there] = [await open(), await open()];
    const told = new Set<string>();
    let isUp = false;
    there.subscribe((news) => {
      if (news.kind === 'missed') isUp = true;
      if (news.kind === 'vms') for (const key of news.keys) told.add(key);
    });
    await eventually(
      async () => await Promise.resolve(isUp),
      (up) => up,
    );
    const names = Array.from({ length: 60 }, (_none, index) => `${'n'.repeat(250)}${index}`);
    await here.fleet.announce(
      names.map((name) => near(name)),
      [],
    );
    await eventually(
      async () => await Promise.resolve(told.size),
      (size) => size === 60,
    );
  });
});
