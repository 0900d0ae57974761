import { describe, expect, it } from 'vitest';
import type { RolloutState } from '../../../scheduler/rollout.ts';
import { groupOf, observe, outFor, outUntil } from '../../../scheduler/rollout/observe.ts';
import type { KnownVm } from '../../../scheduler/store/store.ts';
import { vmKey } from '../../../scheduler/vm-key.ts';
import { IN_SERVICE, vmIdentity } from '../../support/running-scheduler.ts';

const NOW = 10 * 24 * 3_600_000;
const DAY_MS = 24 * 3_600_000;

function known(name: string, change: Partial<KnownVm['identity']> = {}, lastSeenAtMs = NOW): KnownVm {
  return {
    identity: vmIdentity(name, change),
    agentVersion: '1',
    inventory: undefined,
    firstSeenAtMs: 1,
    lastSeenAtMs,
  };
}

function rollout(id: string, vms: readonly (readonly [string, RolloutState['vms'][number]['phase']])[]): RolloutState {
  return {
    id,
    job: 'Shop/patch',
    attempt: 1,
    status: 'running',
    reason: '',
    task: 'patch',
    parameters: {},
    timeoutMs: 1000,
    settleMs: 100,
    maxUnavailable: 1,
    startedAtMs: 1,
    vms: vms.map(([name, phase]) => ({ key: vmKey('shop', name), name, phase, sinceMs: 1, outUntilMs: 500 })),
  };
}

describe('the VMs that decide about the next step of a rollout', () => {
  const fleet = [
    known('Web_0'),
    known('Web_1'),
    known('Web_2', { role: 'BackEnd' }),
    known('Web_3', { scope: 'other' }),
    known('Web_4', {}, NOW - DAY_MS - 1),
  ];
  const byKey = new Map(fleet.map((vm) => [vmKey(vm.identity.scope, vm.identity.name), vm]));
  const group = groupOf(rollout('r1', [['Web_0', 'waiting']]), {
    known: (key) => byKey.get(key),
    all: fleet,
    now: NOW,
  });

  it('are its own, and those of the same scope and role that are not gone for good', () => {
    expect(group).toEqual({
      keys: new Set(['shop/web_0', 'shop/web_1']),
      peers: [{ key: 'shop/web_1', name: 'Web_1' }],
    });
  });

  it('are out when they are not connected, say that they are, or are claimed', () => {
    const here = { connection: 'c', connectedAtMs: 1, health: IN_SERVICE, healthAtMs: 1 };
    const look = (peer: typeof here | undefined, claimed: readonly string[] = []): readonly string[] =>
      observe(group, {
        find: (key) => (key === 'shop/web_1' ? peer : here),
        claimed: new Set(claimed),
        reports: [],
      }).othersOut;
    expect(look(here)).toEqual([]);
    expect(look(undefined)).toEqual(['Web_1 (not connected)']);
    expect(look({ ...here, health: { ...IN_SERVICE, healthy: false } })).toEqual(['Web_1']);
    expect(look(here, ['shop/web_1'])).toEqual(['Web_1']);
  });
});

describe('the VMs that other rollouts have out', () => {
  const rollouts = [rollout('r1', [['Web_0', 'draining']]), rollout('r2', [['Web_1', 'tasking']])];

  it('are those under way, but not of the rollout itself', () => {
    expect(outFor(rollouts, 'r1')).toEqual(['shop/web_1']);
    expect(outFor([rollout('r3', [['Web_1', 'done']])], 'r1')).toEqual([]);
  });

  it('come back by themselves where nobody performs it, and settle', () => {
    expect(outUntil(rollouts, 599)).toEqual(['shop/web_0', 'shop/web_1']);
    expect(outUntil(rollouts, 600)).toEqual([]);
  });
});
