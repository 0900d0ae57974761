import { describe, expect, it } from 'vitest';
import { NO_FAULTS, type Faults } from './faults.ts';
import { World } from './world.ts';

const EVENT = 'E0000000-0000-4000-8000-000000000001';
/** A taste; the simulation under test/simulation runs many more. */
const SEEDS = 15;
/** Events are announced once every VM has come into rotation. */
const SETTLE_MS = 5000;

function runFleet(seed: number, options: { faults?: Faults; hasCoordinator?: boolean; size?: number } = {}): World {
  const names = Array.from({ length: options.size ?? 3 }, (_unused, index) => `vm_${index}`);
  const world = new World(names, { seed, ...options });
  world.run(SETTLE_MS);
  world.announce({ eventId: EVENT, resources: names.slice(0, Math.max(1, names.length - 1)) });
  return world;
}

const everything: Faults = {
  crash: 0.01,
  diskLost: 0.3,
  readFails: 0.1,
  emptyGlitch: 0.01,
  answerLost: 0.05,
  outage: 0.05,
  busy: 0.3,
  hookFails: 0.05,
};

describe('a fleet of deciding agents', () => {
  it('approves once, with every named VM out of rotation, and brings all of them back', () => {
    for (let seed = 1; seed <= 12; seed++) {
      const world = runFleet(seed, { size: 4 });
      world.run(SETTLE_MS + 120_000);
      expect(world.violations, `seed ${seed}`).toEqual([]);
      expect(world.posts, `seed ${seed}`).toHaveLength(1);
      expect(
        world.vms.map((vm) => vm.isOpen),
        `seed ${seed}`,
      ).toEqual([true, true, true, true]);
      expect(world.records.get(EVENT)?.phase, `seed ${seed}`).toBe('ended');
    }
  });

  it('leaves VMs that the event does not name in rotation', () => {
    const world = runFleet(7);
    world.run(SETTLE_MS + 8000);
    expect(world.posts.length).toBeLessThanOrEqual(1);
    expect(world.activities.filter((line) => line.startsWith('vm_2 '))).toEqual(['vm_2 restored']);
    expect(world.vms[2]?.isOpen).toBe(true);
  });

  it('approves alone and without a coordinator when only this VM is named', () => {
    const world = runFleet(1, { size: 1, hasCoordinator: false });
    world.run(SETTLE_MS + 90_000);
    expect(world.posts).toHaveLength(1);
    expect(world.violations).toEqual([]);
    expect(world.vms[0]?.isOpen).toBe(true);
  });

  it('never approves for several VMs while the coordinator cannot be reached, and stays drained', () => {
    const world = runFleet(3);
    world.faults = { ...NO_FAULTS, outage: 1 };
    world.run(SETTLE_MS + 120_000);
    expect(world.posts).toEqual([]);
    expect(world.vms.map((vm) => vm.isOpen)).toEqual([false, false, true]);
  });

  it('never approves while one of the named VMs never reports', () => {
    const world = new World(['vm_0', 'vm_1'], { seed: 4 });
    world.run(SETTLE_MS);
    world.announce({ eventId: EVENT, resources: ['vm_0', 'vm_1', 'stranger'] });
    world.run(SETTLE_MS + 60_000);
    expect(world.posts).toEqual([]);
    expect(world.records.get(EVENT)?.phase).toBe('preparing');
  });

  it('approves although the leader died after its intent, because another takes over', () => {
    const world = runFleet(11);
    for (let step = 0; step < 40_000 && world.records.get(EVENT)?.phase !== 'intent'; step += 10)
      world.run(SETTLE_MS + step);
    const leader = world.vms.find((vm) => vm.name === world.records.get(EVENT)?.intent?.by);
    if (leader === undefined) throw new Error('nobody led');
    world.crash(leader, 1_000_000, false);
    const before = world.posts.length;
    world.run(world.nowMs + 30_000);
    expect(before).toBe(0);
    expect(world.posts.length).toBeGreaterThan(0);
    expect(world.violations).toEqual([]);
  });

  it.each([
    ['before it is on disk', 'before', false],
    ['once it is on disk', 'after', false],
    ['once it is on disk, with the disk lost', 'after', true],
  ] as const)(
    'keeps its promises when the agent is killed at any write to its journal, %s',
    (_name, when, isDiskLost) => {
      let writes = 0;
      const counted = runFleet(1);
      counted.onPersist = (vm, moment) => {
        if (vm.name === 'vm_0' && moment === when) writes++;
      };
      counted.run(SETTLE_MS + 60_000);
      expect(writes).toBeGreaterThan(5);
      for (let kill = 1; kill <= writes; kill++) {
        const world = runFleet(1);
        let write = 0;
        world.onPersist = (vm, moment) => {
          if (vm.name === 'vm_0' && moment === when && ++write === kill) world.crash(vm, 2000, isDiskLost);
        };
        world.run(SETTLE_MS + 120_000);
        expect(world.violations, `killed at write ${kill}`).toEqual([]);
        expect(world.posts.length, `killed at write ${kill}`).toBeGreaterThan(0);
        expect(
          world.vms.map((vm) => vm.isOpen),
          `killed at write ${kill}`,
        ).toEqual([true, true, true]);
      }
    },
  );

  it.each([
    ['everything at once', everything],
    ['crashes with the journal lost', { ...NO_FAULTS, crash: 0.03, diskLost: 1 }],
    ['a service that fails and shows nothing', { ...NO_FAULTS, readFails: 0.4, emptyGlitch: 0.03 }],
    ['lost answers', { ...NO_FAULTS, answerLost: 0.4, outage: 0.1 }],
  ] as const)('keeps its promises under %s', (_name, faults) => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const world = runFleet(seed, { faults });
      if (seed % 3 === 0)
        world.after(4000, () => {
          world.change(EVENT, { resources: ['vm_0', 'vm_1', 'vm_2'] });
        });
      if (seed % 5 === 0)
        world.after(3000, () => {
          world.end(EVENT);
        });
      world.run(SETTLE_MS + 60_000);
      // Then all faults heal, and everything must come to its end.
      world.faults = NO_FAULTS;
      world.run(SETTLE_MS + 200_000);
      expect(world.violations, `seed ${seed}`).toEqual([]);
      expect(
        world.vms.map((vm) => vm.isOpen),
        `seed ${seed}`,
      ).toEqual([true, true, true]);
      if (seed % 5 !== 0) expect(world.posts.length, `seed ${seed}`).toBeGreaterThan(0);
    }
  });
});
