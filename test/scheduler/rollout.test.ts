import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BLOCKED_LIMIT_MS,
  decideRollout,
  DRAIN_LIMIT_MS,
  isActive,
  resumeRollout,
  RESTORE_LIMIT_MS,
  TASK_MARGIN_MS,
  workIdOf,
  type RolloutAction,
  type RolloutObservation,
  type RolloutReport,
  type RolloutState,
  type VmObservation,
} from '../../scheduler/rollout.ts';

const NOW = 1_000_000;

function rollout(names: readonly string[], change: Partial<RolloutState> = {}): RolloutState {
  return {
    id: 'r1',
    job: 'shop/patch',
    attempt: 1,
    status: 'running',
    reason: '',
    task: 'patch',
    parameters: {},
    timeoutMs: 60_000,
    settleMs: 0,
    maxUnavailable: 1,
    startedAtMs: NOW,
    vms: names.map((name) => ({ key: `s/${name}`, name, phase: 'waiting', sinceMs: NOW })),
    ...change,
  };
}

const serving: VmObservation = { connection: 'c1', isServing: true, saidAtMs: NOW, isClaimed: false };

function seen(
  names: readonly string[],
  change: Readonly<Record<string, Partial<VmObservation> | 'lost'>> = {},
  rest: Partial<RolloutObservation> = {},
): RolloutObservation {
  const vms = new Map<string, VmObservation>();
  for (const name of names) {
    const changed = change[name];
    if (changed !== 'lost') vms.set(`s/${name}`, { ...serving, ...changed });
  }
  return { vms, othersOut: [], reports: [], ...rest };
}

function report(kind: RolloutReport['kind'], name: string, change: Partial<RolloutReport> = {}): RolloutReport {
  return { kind, key: `s/${name}`, workId: `r1:${name}`, attempt: 1, ok: true, detail: 'said so', ...change };
}

const phases = (state: RolloutState): string => state.vms.map((vm) => vm.phase).join(' ');

describe('a rollout', () => {
  it('takes one VM after the other through drain, task and restore', () => {
    const names = ['a', 'b'];
    const sent: string[] = [];
    let state = rollout(names);
    const step = (reports: RolloutReport[] = []): void => {
      const decision = decideRollout(state, seen(names, {}, { reports }), NOW);
      state = decision.state;
      sent.push(...decision.actions.map((action) => `${action.kind} ${action.key}`));
    };
    step();
    for (const name of names) {
      step([report('drained', name)]);
      step([report('taskDone', name)]);
      step([report('restored', name)]);
    }
    expect(sent).toEqual(['drain s/a', 'task s/a', 'restore s/a', 'drain s/b', 'task s/b', 'restore s/b']);
    expect(state).toMatchObject({ status: 'completed', reason: '', endedAtMs: NOW });
  });

  it('takes out as many at a time as the budget allows', () => {
    const { state } = decideRollout(rollout(['a', 'b', 'c'], { maxUnavailable: 2 }), seen(['a', 'b', 'c']), NOW);
    expect(phases(state)).toBe('draining draining waiting');
  });

  it.each([
    ['is out of rotation', { b: { isServing: false } }, []],
    ['has no connected agent', { b: 'lost' as const }, []],
    ['is named by an event or in another rollout', { b: { isClaimed: true } }, []],
    ['of the same role, outside the selection, is out', {}, ['z']],
  ])('takes no VM out while one that %s', (_why, change, othersOut) => {
    const { state, actions } = decideRollout(rollout(['a', 'b']), seen(['a', 'b'], change, { othersOut }), NOW);
    expect(phases(state)).toBe('waiting waiting');
    expect(actions).toEqual([]);
  });

  it('gives up when the budget stays used up by others', () => {
    const observation = seen(['a', 'b'], { b: 'lost' });
    const blocked = decideRollout(rollout(['a', 'b']), observation, NOW);
    expect(blocked.wakeAtMs).toBe(NOW + BLOCKED_LIMIT_MS);
    const { state } = decideRollout(blocked.state, observation, NOW + BLOCKED_LIMIT_MS);
    expect(state.status).toBe('failed');
    expect(state.reason).toContain('because of others that are out: b (not connected)');
  });

  it.each([
    ['drained', 'draining', 'its drain failed: said so'],
    ['taskDone', 'tasking', 'its task failed: said so'],
  ] as const)('stops and puts the VM back when %s says it failed', (kind, phase, failure) => {
    const state = rollout(['a', 'b']);
    const vms = state.vms.map((vm) => (vm.name === 'a' ? { ...vm, phase, sentOver: 'c1' } : vm));
    const failed = decideRollout(
      { ...state, vms },
      seen(['a', 'b'], {}, { reports: [report(kind, 'a', { ok: false })] }),
      NOW,
    );
    expect(phases(failed.state)).toBe('restoring skipped');
    expect(failed.actions.map((action) => action.kind)).toEqual(['restore']);
    const over = decideRollout(failed.state, seen(['a', 'b'], {}, { reports: [report('restored', 'a')] }), NOW);
    expect(over.state).toMatchObject({ status: 'failed', reason: `a: ${failure}` });
    expect(phases(over.state)).toBe('failed skipped');
  });

  it.each([
    ['draining', DRAIN_LIMIT_MS, 'it did not drain in time', 'restoring'],
    ['tasking', 60_000 + TASK_MARGIN_MS, 'its task did not end in time', 'restoring'],
    ['restoring', RESTORE_LIMIT_MS, 'it did not come back into rotation in time', 'failed'],
    ['settling', RESTORE_LIMIT_MS, 'it did not come back into rotation in time', 'failed'],
  ] as const)('does not wait for ever for a VM that is %s', (phase, limitMs, failure, next) => {
    const state = rollout(['a']);
    const stuck = { ...state, vms: state.vms.map((vm) => ({ ...vm, phase, sentOver: 'c1' })) };
    const lost = seen([]);
    expect(decideRollout(stuck, lost, NOW + limitMs - 1).state.vms[0]?.phase).toBe(phase);
    const { state: after } = decideRollout(stuck, lost, NOW + limitMs);
    expect(after.vms[0]).toMatchObject({ phase: next, failure: `${failure} (its agent is not connected)` });
  });

  it('counts a VM as back only by what its agent said after the restore', () => {
    const state = rollout(['a', 'b']);
    const vms = state.vms.map((vm) => (vm.name === 'a' ? { ...vm, phase: 'restoring' as const, sentOver: 'c1' } : vm));
    const reports = [report('restored', 'a', { ok: false })];
    const settling = decideRollout({ ...state, vms }, seen(['a', 'b'], {}, { reports }), NOW + 5);
    expect(phases(settling.state)).toBe('settling waiting');
    const stale = decideRollout(settling.state, seen(['a', 'b'], { a: { saidAtMs: NOW + 5 } }), NOW + 6);
    expect(phases(stale.state)).toBe('settling waiting');
    const fresh = decideRollout(settling.state, seen(['a', 'b'], { a: { saidAtMs: NOW + 6 } }), NOW + 6);
    expect(phases(fresh.state)).toBe('done draining');
  });

  it('gives the place in the budget on only when the VM has been back for the settling time', () => {
    const state = rollout(['a', 'b'], { settleMs: 2000 });
    const vms = state.vms.map((vm) => (vm.name === 'a' ? { ...vm, phase: 'restoring' as const, sentOver: 'c1' } : vm));
    const back = decideRollout({ ...state, vms }, seen(['a', 'b'], {}, { reports: [report('restored', 'a')] }), NOW);
    expect(phases(back.state)).toBe('settling waiting');
    expect(back.wakeAtMs).toBe(NOW + 2000);
    // Out again in between: the time begins anew.
    const out = decideRollout(back.state, seen(['a', 'b'], { a: { isServing: false } }), NOW + 1000);
    const again = decideRollout(out.state, seen(['a', 'b'], { a: { saidAtMs: NOW + 1500 } }), NOW + 1500);
    expect(phases(decideRollout(again.state, seen(['a', 'b']), NOW + 3499).state)).toBe('settling waiting');
    expect(phases(decideRollout(again.state, seen(['a', 'b']), NOW + 3500).state)).toBe('done draining');
  });

  it('sends a command again over a new connection, and once only over each', () => {
    const first = decideRollout(rollout(['a']), seen(['a']), NOW);
    expect(first.actions).toHaveLength(1);
    const again = decideRollout(first.state, seen(['a'], { a: { isServing: false } }), NOW + 1);
    expect(again.actions).toEqual([]);
    const other = decideRollout(again.state, seen(['a'], { a: { isServing: false, connection: 'c2' } }), NOW + 2);
    expect(other.actions).toEqual(first.actions);
  });

  it('ignores reports of another attempt, of other work and for another phase', () => {
    const { state } = decideRollout(rollout(['a'], { attempt: 2 }), seen(['a']), NOW);
    const reports = [
      report('drained', 'a', { attempt: 1 }),
      report('drained', 'a', { attempt: 2, workId: 'r0:a' }),
      report('taskDone', 'a', { attempt: 2 }),
    ];
    expect(phases(decideRollout(state, seen(['a'], {}, { reports }), NOW).state)).toBe('draining');
  });

  it('sends everything again under the new attempt when it is taken over, and gives the agents time to come back', () => {
    const first = decideRollout(rollout(['a', 'b']), seen(['a', 'b']), NOW);
    const later = NOW + DRAIN_LIMIT_MS + 1;
    const resumed = resumeRollout(first.state, 2, later);
    const { state, actions } = decideRollout(resumed, seen(['a', 'b']), later);
    expect(phases(state)).toBe('draining waiting');
    expect(actions.map((action) => action.kind)).toEqual(['drain']);
  });

  it('does not run the task on a VM that may have gone back into service by itself', () => {
    const first = decideRollout(rollout(['a']), seen(['a']), NOW);
    const outUntilMs = first.state.vms[0]?.outUntilMs ?? 0;
    const resumed = resumeRollout(first.state, 2, outUntilMs);
    const { state, actions } = decideRollout(resumed, seen(['a']), outUntilMs);
    expect(actions.map((action) => action.kind)).toEqual(['restore']);
    expect(state.vms[0]?.failure).toContain('went back into rotation by itself');
  });

  it('never has more VMs out than the budget, whatever agents say, lose and repeat', () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const happening = fc.record({
      ms: fc.integer({ min: 0, max: 40_000 }),
      vm: fc.constantFrom(...names),
      what: fc.constantFrom('work', 'work', 'work', 'fail', 'lose', 'return', 'event', 'eventOver', 'restart', 'stale'),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.array(happening, { maxLength: 120 }),
        (maxUnavailable, happenings) => {
          const fleet = new FleetModel(names, maxUnavailable);
          for (const { ms, vm, what } of happenings) {
            fleet.happen(vm, what, ms);
            fleet.decide();
            // Out by the rollout on top of those that others took out: never beyond the budget by the rollout's own doing.
            expect(fleet.brokenBudget).toBe('');
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('ends when every agent does what it is told', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 5 }), (maxUnavailable, count) => {
        const names = ['a', 'b', 'c', 'd', 'e'].slice(0, count);
        const fleet = new FleetModel(names, maxUnavailable);
        fleet.decide();
        for (let round = 0; round < 40 && fleet.state.status === 'running'; round++) {
          for (const name of names) {
            fleet.happen(name, 'work', 10);
            fleet.decide();
          }
        }
        expect(fleet.state.status).toBe('completed');
      }),
      { numRuns: 30 },
    );
  });
});

/** Agents that obey, fail, vanish and are hit by events: enough of a fleet to lead the planner astray. */
class FleetModel {
  state: RolloutState;
  brokenBudget = '';
  #now = NOW;
  #connections = 1;
  #reports: RolloutReport[] = [];
  readonly #vms = new Map<
    string,
    { connection: string | undefined; event: boolean; orders: RolloutAction[]; saidAtMs: number }
  >();

  constructor(names: readonly string[], maxUnavailable: number) {
    this.state = rollout(names, { maxUnavailable });
    for (const name of names) this.#vms.set(name, { connection: 'c0', event: false, orders: [], saidAtMs: NOW });
  }

  happen(name: string, what: string, ms: number): void {
    this.#now += ms;
    const vm = this.#vms.get(name);
    if (vm === undefined) return;
    if (what === 'lose') vm.connection = undefined;
    if (what === 'return') vm.connection = `c${this.#connections++}`;
    if (what === 'event') vm.event = true;
    if (what === 'eventOver') vm.event = false;
    if (what === 'restart') this.state = resumeRollout(this.state, this.state.attempt + 1, this.#now);
    if (what === 'stale') this.#answer(name, vm.orders.at(-1), { attempt: this.state.attempt - 1, ok: true });
    if (what === 'work' || what === 'fail') this.#answer(name, vm.orders.shift(), { ok: what === 'work' });
    vm.saidAtMs = this.#now;
  }

  decide(): void {
    const vms = new Map<string, VmObservation>();
    for (const [name, vm] of this.#vms) {
      if (vm.connection === undefined) continue;
      const isOut = this.state.vms.some(
        (other) => other.name === name && ['draining', 'tasking', 'restoring'].includes(other.phase),
      );
      vms.set(`s/${name}`, {
        connection: vm.connection,
        isServing: !vm.event && !isOut,
        saidAtMs: vm.saidAtMs,
        isClaimed: false,
      });
    }
    const before = this.state;
    const decision = decideRollout(before, { vms, othersOut: [], reports: this.#reports }, this.#now);
    this.#reports = [];
    this.state = decision.state;
    for (const action of decision.actions) this.#vms.get(action.key.slice(2))?.orders.push(action);
    const outOf = (vm: RolloutState['vms'][number]): boolean => isActive(vm) || vms.get(vm.key)?.isServing !== true;
    const startedNow = this.state.vms.filter((vm, index) => isActive(vm) && before.vms[index]?.phase === 'waiting');
    const out = this.state.vms.filter(outOf).length;
    if (startedNow.length > 0 && out > this.state.maxUnavailable) {
      this.brokenBudget = `${out} out of ${this.state.maxUnavailable} after ${startedNow.map((vm) => vm.name).join()} was taken out`;
    }
  }

  #answer(name: string, order: RolloutAction | undefined, change: Partial<RolloutReport>): void {
    if (order === undefined) return;
    const kind = { drain: 'drained', task: 'taskDone', restore: 'restored' } as const;
    const vm = this.state.vms.find((other) => other.name === name);
    if (vm === undefined) return;
    this.#reports.push({
      kind: kind[order.kind],
      key: `s/${name}`,
      workId: workIdOf(this.state, vm),
      attempt: this.state.attempt,
      ok: true,
      detail: '',
      ...change,
    });
  }
}
