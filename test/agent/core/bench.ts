import { expect } from 'vitest';
import { subjectHash } from '../../../common/agreement/names.ts';
import type { AgreementRecord } from '../../../common/agreement/record.ts';
import type { Action } from '../../../agent/core/action.ts';
import { decide } from '../../../agent/core/decide.ts';
import { PLAIN_POLICY } from '../../../agent/core/policy.ts';
import { initialState } from '../../../agent/core/durable.ts';
import type { Observation } from '../../../agent/core/observation.ts';
import type { AgentState, CoreSettings, DurableState } from '../../../agent/core/state.ts';
import type { ScheduledEvent } from '../../../agent/core/event-document.ts';

const SETTINGS: CoreSettings = {
  identity: { scope: 's', name: 'vm_0', vmId: 'id0' },
  hasCoordinator: false,
  absentForMs: 10_000,
  detectionMs: 1000,
  drainTimeoutMs: 30_000,
  policy: PLAIN_POLICY,
};

/** The journal of a VM that nothing has happened to. */
export const EMPTY: DurableState = { number: 0, incarnation: undefined, events: [], maintenance: [] };

export function event(change: Partial<ScheduledEvent> = {}): ScheduledEvent {
  return {
    eventId: 'E1',
    eventType: 'Reboot',
    status: 'Scheduled',
    resources: ['vm_0'],
    notBeforeMs: 900_000,
    description: '',
    source: 'Platform',
    durationSeconds: -1,
    ...change,
  };
}

/** One agent's core, driven by hand: what it asks for is collected, and answered only by what the test observes. */
export class Bench {
  state: AgentState;
  nowMs = 0;
  actions: Action[] = [];
  /** Answers everything that succeeds at once, so that a test names only what it is about. */
  isCooperative = true;
  persists = true;
  /** How wrong the wall clock is. */
  wallErrorMs = 0;
  hookFails: string | undefined;

  /** `durable` is what its journal holds, by default nothing; null: it has none. */
  constructor(
    settings: Partial<CoreSettings> = {},
    durable: DurableState | null = EMPTY,
    { isContinued = false }: { readonly isContinued?: boolean } = {},
  ) {
    this.state = initialState(
      { ...SETTINGS, ...settings },
      durable ?? undefined,
      { wallMs: 0, monotonicMs: 0 },
      isContinued,
    );
  }

  observe(observation: Observation): Action[] {
    const decision = decide(this.state, observation, {
      wallMs: this.nowMs + this.wallErrorMs,
      monotonicMs: this.nowMs,
    });
    this.state = decision.state;
    this.actions.push(...decision.actions);
    for (const action of decision.actions) if (this.isCooperative) this.#answer(action);
    return [...decision.actions];
  }

  poll(events: readonly ScheduledEvent[], incarnation = 1): void {
    this.observe({ kind: 'poll', result: { kind: 'document', document: { incarnation, events } } });
  }

  fail(): void {
    this.observe({ kind: 'poll', result: { kind: 'failed', reason: '500' } });
  }

  /** Lets time pass in steps of a second, with a poll or a tick at each. */
  pass(ms: number, each: () => void = () => this.observe({ kind: 'tick' })): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs;) {
      this.nowMs += 1000;
      each();
    }
  }

  count(kind: Action['kind']): number {
    return this.actions.filter((action) => action.kind === kind).length;
  }

  hooks(): string[] {
    return this.actions.flatMap((action) => (action.kind === 'hook' ? [action.phase] : []));
  }

  promise(): string | undefined {
    return this.state.events['E1']?.promise.promise;
  }

  isIn(): boolean {
    return this.state.rotation.state === 'in';
  }

  #answer(action: Action): void {
    if (action.kind === 'persist' && this.persists) this.observe({ kind: 'persisted', revision: action.revision });
    else if (action.kind === 'persist')
      this.observe({ kind: 'persist-failed', revision: action.revision, reason: 'ENOSPC' });
    else if (action.kind === 'drain.start') this.observe({ kind: 'turned-away', ok: true, detail: '' });
    else if (action.kind === 'drain.restore') this.observe({ kind: 'back-in', ok: true, detail: '' });
    else if (action.kind === 'drain.read')
      this.observe({ kind: 'drain-read', token: action.token, clear: true, detail: '' });
    else if (action.kind === 'hook')
      this.observe({
        kind: 'hook',
        key: action.key,
        phase: action.phase,
        ok: action.phase !== this.hookFails,
        detail: '',
      });
  }
}

/** A bench whose VM is in rotation. */
export function inRotation(settings: Partial<CoreSettings> = {}): Bench {
  const bench = new Bench(settings);
  bench.poll([]);
  if (bench.state.settings.hasCoordinator) {
    bench.observe({ kind: 'connected' });
    bench.observe({ kind: 'records', id: bench.state.coordinator.reconcile?.id ?? -1, records: [] });
  }
  expect(bench.isIn()).toBe(true);
  bench.actions = [];
  return bench;
}

/** A bench whose VM has promised for an event that names it alone. */
export function prepared(): Bench {
  const bench = inRotation();
  bench.poll([event()]);
  bench.pass(2000, () => bench.poll([event()]));
  expect(bench.promise()).toBe('prepared');
  return bench;
}

export function fresh(token: number, events: readonly ScheduledEvent[]): Observation {
  return { kind: 'read', token, result: { kind: 'document', document: { incarnation: 1, events } } };
}

export function lastDurable(bench: Bench): DurableState {
  const persist = bench.actions.findLast((action) => action.kind === 'persist');
  if (persist?.kind !== 'persist') throw new Error('nothing was persisted');
  return persist.durable;
}

export function recordOf(
  resources: readonly string[],
  members: Record<string, { promise: 'prepared' | 'binding'; number: number; vmId?: string }>,
): AgreementRecord {
  const hash = subjectHash(event({ resources }));
  return {
    scope: 's',
    eventId: 'E1',
    eventType: 'Reboot',
    phase: 'preparing',
    hash,
    resources,
    intent: undefined,
    everIntent: false,
    lease: undefined,
    term: 0,
    members: Object.fromEntries(
      Object.entries(members).map(([name, member]) => [name, { vmId: 'id0', hash, deadlineReached: false, ...member }]),
    ),
  };
}
