import { beforeEach, describe, expect, it } from 'vitest';
import type { SchedulerMessage } from '../../../common/protocol/messages.ts';
import { silentLog } from '../../../common/runtime/log.ts';
import { Post } from '../../../scheduler/gateway/post.ts';
import { Registry, type LiveVm } from '../../../scheduler/gateway/registry.ts';
import type { FarVm, FleetStore, Mail, Order } from '../../../scheduler/replicas/fleet-store.ts';
import type { RolloutReport } from '../../../scheduler/rollout.ts';
import type { StoreNews } from '../../../scheduler/store/store.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { IN_SERVICE, vmIdentity } from '../../support/running-scheduler.ts';

const OUT = { inRotation: false, healthy: true, reasons: ['drained'] };
const report: RolloutReport = {
  kind: 'drained',
  key: 'shop/web_0',
  workId: 'r1:Web_0',
  attempt: 1,
  ok: true,
  detail: '',
};
const order = (change: Partial<Order> = {}): Order => ({
  kind: 'order',
  key: 'shop/web_0',
  connection: 'c1',
  message: { kind: 'restore', workId: 'r1:Web_0', attempt: 1 },
  ...change,
});

describe('what a replica and the others tell each other of the fleet', () => {
  let clock: FakeClock;
  let registry: Registry;
  let post: Post;
  /** What was written to the store, in words. */
  let told: string[];
  let mail: Mail[];
  let elsewhere: FarVm[];
  let isBroken: boolean;
  let isBusy: boolean;
  let performed: string[];
  let news: (news: StoreNews) => void;

  const fleet: FleetStore = {
    announce: async (here, gone) => {
      if (isBroken) throw new Error('connection refused');
      told.push(
        ...here.map(({ vm, connection, health }) => `${vm.identity.name} ${connection} ${health.inRotation}`),
        ...gone.map(({ key, connection }) => `${key} ${connection} gone`),
      );
      await Promise.resolve();
    },
    elsewhere: async () => await Promise.resolve(elsewhere),
    forward: async (reports) => {
      if (isBroken) throw new Error('connection refused');
      told.push(...reports.map(({ kind, workId }) => `${kind} of ${workId}`));
      await Promise.resolve();
    },
    readMail: async () => await Promise.resolve(mail),
    throwAway: async (numbers) => {
      if (isBroken) throw new Error('connection refused');
      mail = mail.filter(({ number }) => !numbers.includes(number));
      await Promise.resolve();
    },
  };

  beforeEach(() => {
    clock = new FakeClock();
    told = [];
    mail = [];
    elsewhere = [];
    performed = [];
    isBroken = false;
    isBusy = false;
    registry = new Registry({ put: async () => {}, list: async () => await Promise.resolve([]) }, fleet);
    post = new Post({
      store: {
        fleet,
        isShared: true,
        subscribe: (listener) => {
          news = listener;
          return () => {};
        },
      },
      clock,
      log: silentLog,
      registry,
      rollouts: {
        performs: (workId) => workId.startsWith('own:'),
        report: ({ workId }) => performed.push(workId),
        isBusy: () => isBusy,
        concerned: () => (isBusy ? ['shop/web_9'] : []),
      },
    });
    post.open();
  });

  const join = async (connection = 'c1', sent: SchedulerMessage[] = []): Promise<LiveVm> => {
    const vm: LiveVm = {
      identity: vmIdentity('Web_0'),
      agentVersion: '1',
      connection,
      connectedAtMs: clock.now(),
      health: IN_SERVICE,
      healthAtMs: clock.now(),
      send: (message) => sent.push(message),
      drop: () => sent.push({ kind: 'refused', reason: 'dropped' }),
    };
    await registry.connect(vm);
    return vm;
  };
  const settle = async (): Promise<void> => {
    await clock.advance(0);
  };

  it('is who connects, who goes and how they are, but not that they are as they were', async () => {
    const vm = await join();
    await settle();
    registry.setHealth(vm, { ...IN_SERVICE }, clock.now());
    await settle();
    expect(told).toEqual(['Web_0 c1 true']);
    registry.setHealth(vm, OUT, clock.now());
    await settle();
    await registry.disconnect(vm, clock.now());
    await settle();
    expect(told).toEqual(['Web_0 c1 true', 'Web_0 c1 false', 'shop/web_0 c1 gone']);
  });

  it('is every word of a VM that another replica has given an order', async () => {
    const sent: SchedulerMessage[] = [];
    const vm = await join('c1', sent);
    await settle();
    mail = [{ number: 1, content: order() }];
    news({ kind: 'mail', to: 'here' });
    await settle();
    expect(sent).toEqual([order().message]);
    registry.setHealth(vm, { ...IN_SERVICE }, clock.now());
    await settle();
    expect(told).toEqual(['Web_0 c1 true', 'Web_0 c1 true']);
    // For as long as it may count.
    await clock.advance(4 * 3_600_000);
    registry.setHealth(vm, { ...IN_SERVICE }, clock.now());
    await settle();
    expect(told).toHaveLength(2);
  });

  it('is told again when the store did not take it, as it is then, answers after how their VM is', async () => {
    isBroken = true;
    const vm = await join();
    post.report(report);
    await settle();
    registry.setHealth(vm, OUT, clock.now());
    expect(told).toEqual([]);
    isBroken = false;
    await clock.advance(1000);
    expect(told).toEqual(['Web_0 c1 false', 'drained of r1:Web_0']);
  });

  it('is no answer about what this replica performs itself', async () => {
    post.report({ ...report, workId: 'own:Web_0' });
    await settle();
    expect(told).toEqual([]);
    expect(performed).toEqual(['own:Web_0']);
    mail = [{ number: 7, content: { kind: 'report', report } }];
    news({ kind: 'mail', to: 'here' });
    await settle();
    expect(performed).toEqual(['own:Web_0', 'r1:Web_0']);
  });

  it('reaches an agent over the connection that it was meant for, and once, and is found without news as well', async () => {
    const sent: SchedulerMessage[] = [];
    await join('c2', sent);
    await settle();
    isBroken = true;
    mail = [
      { number: 1, content: order() },
      { number: 2, content: undefined },
      { number: 3, content: order({ connection: 'c2' }) },
    ];
    await clock.advance(4000);
    expect(sent).toEqual([order().message]);
    isBroken = false;
    await clock.advance(4000);
    expect(mail).toEqual([]);
    expect(sent).toHaveLength(1);
  });

  it('is looked up while it matters to a rollout, and not otherwise', async () => {
    const far: FarVm = {
      key: 'shop/web_9',
      owner: 'there',
      connection: 'c9',
      connectedAtMs: 1,
      health: IN_SERVICE,
      healthAtMs: 1,
    };
    elsewhere = [far];
    news({ kind: 'vms', keys: [far.key] });
    await settle();
    expect(registry.find(far.key)).toBeUndefined();
    isBusy = true;
    news({ kind: 'vms', keys: [far.key] });
    await settle();
    expect(registry.find(far.key)).toEqual(far);
    // A replica that has died tells nobody.
    elsewhere = [];
    await clock.advance(4000);
    expect(registry.find(far.key)).toBeUndefined();
  });

  it('closes a connection that its agent has left for another replica', async () => {
    const sent: SchedulerMessage[] = [];
    const vm = await join('c1', sent);
    elsewhere = [
      {
        key: 'shop/web_0',
        owner: 'there',
        connection: 'c9',
        connectedAtMs: vm.connectedAtMs + 1,
        health: OUT,
        healthAtMs: 1,
      },
    ];
    await registry.refresh();
    expect(sent).toEqual([{ kind: 'refused', reason: 'dropped' }]);
    expect(registry.find('shop/web_0')).toMatchObject({ owner: 'there', health: OUT });
  });

  it('ends with what is still to be told', async () => {
    isBroken = true;
    const vm = await join();
    await settle();
    isBroken = false;
    await registry.disconnect(vm, clock.now());
    await post.close();
    expect(told).toEqual(['shop/web_0 c1 gone']);
  });
});
