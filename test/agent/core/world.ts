import { applyCommand } from '../../../common/agreement/apply-command.ts';
import type { AgreementRecord } from '../../../common/agreement/record.ts';
import { seededRandom } from '../../../common/runtime/random.ts';
import type { Action } from '../../../agent/core/action.ts';
import { decide } from '../../../agent/core/decide.ts';
import { PLAIN_POLICY } from '../../../agent/core/policy.ts';
import { initialState } from '../../../agent/core/durable.ts';
import type { Observation, PollResult } from '../../../agent/core/observation.ts';
import type { AgentState, DurableState } from '../../../agent/core/state.ts';
import type { ScheduledEvent } from '../../../agent/core/event-document.ts';
import { EMPTY } from './bench.ts';
import { NO_FAULTS, type Faults } from './faults.ts';
import type { Vm } from './world-vm.ts';

/** A fleet of the agent's decisions with a platform and a coordinator around it, all in one thread and repeatable. */
export class World {
  readonly vms: Vm[];
  readonly violations: string[] = [];
  readonly posts: { readonly by: string; readonly eventId: string; readonly agreed: readonly string[] }[] = [];
  readonly activities: string[] = [];
  records = new Map<string, AgreementRecord>();
  events: ScheduledEvent[] = [];
  nowMs = 0;
  faults: Faults;
  readonly hasCoordinator: boolean;
  /** Called at every write to a journal, before it and once it is on disk. */
  onPersist: (vm: Vm, moment: 'before' | 'after') => void = () => {};
  #incarnation = 1;
  #order = 0;
  #queue: { readonly atMs: number; readonly order: number; readonly run: () => void }[] = [];
  readonly #random;

  constructor(names: readonly string[], options: { seed: number; faults?: Faults; hasCoordinator?: boolean }) {
    this.#random = seededRandom(options.seed);
    this.faults = options.faults ?? NO_FAULTS;
    this.hasCoordinator = options.hasCoordinator ?? true;
    this.vms = names.map((name) => ({
      name,
      state: this.#boot(name, EMPTY),
      disk: EMPTY,
      life: 0,
      isAlive: true,
      isOpen: false,
      isConnected: false,
      glitchUntilMs: 0,
    }));
    for (const vm of this.vms) this.#startLoops(vm);
  }

  /** Announces an event; returns nothing, as the platform. */
  announce(event: Partial<ScheduledEvent> & Pick<ScheduledEvent, 'eventId' | 'resources'>): void {
    this.events.push({
      eventType: 'Reboot',
      status: 'Scheduled',
      notBeforeMs: this.nowMs + 300_000,
      description: '',
      source: 'Platform',
      durationSeconds: -1,
      ...event,
    });
    this.#incarnation++;
  }

  change(eventId: string, change: Partial<ScheduledEvent>): void {
    this.events = this.events.map((event) => (event.eventId === eventId ? { ...event, ...change } : event));
    this.#incarnation++;
  }

  end(eventId: string): void {
    this.events = this.events.filter((event) => event.eventId !== eventId);
    this.#incarnation++;
  }

  crash(vm: Vm, downMs: number, isDiskLost: boolean): void {
    vm.life++;
    vm.isAlive = false;
    vm.isOpen = false;
    vm.isConnected = false;
    if (isDiskLost) vm.disk = undefined;
    this.after(downMs, () => {
      if (vm.isAlive) return;
      vm.isAlive = true;
      vm.state = this.#boot(vm.name, vm.disk);
      this.#startLoops(vm);
    });
  }

  after(ms: number, run: () => void): void {
    this.#queue.push({ atMs: this.nowMs + ms, order: this.#order++, run });
  }

  run(untilMs: number): void {
    for (;;) {
      let best = -1;
      for (let index = 0; index < this.#queue.length; index++) {
        const one = this.#queue[index];
        const first = this.#queue[best];
        if (one === undefined) continue;
        if (first === undefined || one.atMs < first.atMs || (one.atMs === first.atMs && one.order < first.order))
          best = index;
      }
      const next = this.#queue[best];
      if (next === undefined || next.atMs > untilMs) break;
      this.#queue.splice(best, 1);
      this.nowMs = next.atMs;
      next.run();
    }
    this.nowMs = untilMs;
  }

  chance(probability: number): boolean {
    return this.#random.fraction() < probability;
  }

  between(low: number, high: number): number {
    return low + this.#random.fraction() * (high - low);
  }

  #boot(name: string, disk: DurableState | undefined): AgentState {
    const identity = { scope: 'shop', name, vmId: `id-${name}` };
    const { hasCoordinator } = this;
    const times = { absentForMs: 10_000, detectionMs: 500, drainTimeoutMs: 30_000 };
    const settings = { identity, hasCoordinator, ...times, policy: PLAIN_POLICY };
    return initialState(settings, disk, { wallMs: this.nowMs, monotonicMs: this.nowMs });
  }

  #startLoops(vm: Vm): void {
    const { life } = vm;
    const every = (ms: number, run: () => void): void => {
      const again = (): void => {
        if (vm.life !== life) return;
        run();
        this.after(ms, again);
      };
      this.after(this.between(0, ms), again);
    };
    every(1000, () => {
      this.observe(vm, { kind: 'poll', result: this.#read(vm) });
    });
    every(500, () => {
      this.observe(vm, { kind: 'tick' });
    });
    every(1000, () => {
      if (this.chance(this.faults.crash)) this.crash(vm, this.between(500, 20_000), this.chance(this.faults.diskLost));
    });
    if (this.hasCoordinator) {
      every(1000, () => {
        const isUp = !this.chance(this.faults.outage);
        if (isUp !== vm.isConnected) {
          vm.isConnected = isUp;
          this.observe(vm, { kind: isUp ? 'connected' : 'disconnected' });
        }
      });
    }
  }

  #read(vm: Vm): PollResult {
    if (this.chance(this.faults.readFails)) return { kind: 'failed', reason: '500' };
    if (this.chance(this.faults.emptyGlitch)) vm.glitchUntilMs = this.nowMs + this.between(0, 3000);
    const events = this.nowMs < vm.glitchUntilMs ? [] : this.events;
    return { kind: 'document', document: { incarnation: this.#incarnation, events } };
  }

  observe(vm: Vm, observation: Observation): void {
    if (!vm.isAlive) return;
    const decision = decide(vm.state, observation, { wallMs: this.nowMs, monotonicMs: this.nowMs });
    vm.state = decision.state;
    for (const action of decision.actions) this.#perform(vm, action);
  }

  #perform(vm: Vm, action: Action): void {
    const { life } = vm;
    const later = (ms: number, answer: () => Observation | undefined): void => {
      this.after(ms, () => {
        if (vm.life !== life) return;
        const observation = answer();
        if (observation !== undefined) this.observe(vm, observation);
      });
    };
    switch (action.kind) {
      case 'persist':
        this.onPersist(vm, 'before');
        later(this.between(1, 20), () => {
          vm.disk = action.durable;
          this.onPersist(vm, 'after');
          return { kind: 'persisted', revision: action.revision };
        });
        return;
      case 'read-fresh':
        later(this.between(1, 30), () => ({ kind: 'read', token: action.token, result: this.#read(vm) }));
        return;
      case 'post': {
        const agreed = vm.state.events[action.eventId]?.promise.resources ?? [];
        // On its way the approval is out of the VM's hands: it arrives even if the VM has crashed.
        this.after(this.between(1, 4000), () => {
          this.#arrive(vm, action.eventId, agreed);
        });
        later(4001, () =>
          this.chance(this.faults.answerLost)
            ? { kind: 'posted', token: action.token, outcome: 'unknown', detail: 'lost' }
            : { kind: 'posted', token: action.token, outcome: 'accepted', detail: '' },
        );
        return;
      }
      case 'reconcile':
      case 'submit':
        this.#ask(vm, action, later);
        return;
      case 'drain.start':
        later(this.between(1, 20), () => {
          vm.isOpen = false;
          return { kind: 'turned-away', ok: true, detail: '' };
        });
        return;
      case 'drain.read':
        later(200, () => ({
          kind: 'drain-read',
          token: action.token,
          clear: !this.chance(this.faults.busy),
          detail: '',
        }));
        return;
      case 'drain.restore':
        later(this.between(1, 20), () => {
          vm.isOpen = true;
          this.#checkOpened(vm);
          return { kind: 'back-in', ok: true, detail: '' };
        });
        return;
      case 'hook':
        later(this.between(1, 200), () => ({
          kind: 'hook',
          key: action.key,
          phase: action.phase,
          ok: !this.chance(this.faults.hookFails),
          detail: '',
        }));
        return;
      case 'activity':
        this.activities.push(`${vm.name} ${action.activity}`);
        return;
      case 'log':
      case 'reply.drained':
      case 'reply.restored':
      case 'reply.withdrawn':
      case 'ask-leave':
        return;
      default:
        action satisfies never;
    }
  }

  #ask(
    vm: Vm,
    action: Extract<Action, { kind: 'reconcile' | 'submit' }>,
    later: (ms: number, answer: () => Observation | undefined) => void,
  ): void {
    const { life } = vm;
    if (!vm.isConnected) {
      later(1400, () => ({ kind: 'unanswered', id: action.id }));
      return;
    }
    this.after(this.between(1, 100), () => {
      if (action.kind === 'reconcile') {
        const records = [...this.records.values()];
        later(10, () => ({ kind: 'records', id: action.id, records }));
        return;
      }
      const key = action.command.eventId;
      const context = { now: this.nowMs, unmanaged: new Set<string>() };
      const { record, outcome } = applyCommand(this.records.get(key), action.command, context);
      if (record !== undefined && record !== this.records.get(key)) {
        this.records.set(key, record);
        for (const other of this.vms) this.#push(other, record);
      }
      const isLost = this.chance(this.faults.answerLost);
      if (vm.life === life) {
        later(isLost ? 1400 : 10, () =>
          isLost ? { kind: 'unanswered', id: action.id } : { kind: 'answer', id: action.id, outcome, record },
        );
      }
    });
  }

  #push(vm: Vm, record: AgreementRecord): void {
    const { life } = vm;
    if (vm.isConnected) {
      this.after(10, () => {
        if (vm.life === life && vm.isConnected) this.observe(vm, { kind: 'record', record });
      });
    }
  }

  /**
   * S1: when an approval arrives, nobody whom the event names takes traffic. VMs that it came to name only after the read
   * that the approval rests on are nobody's to protect (residual R1): `agreed` are the others.
   */
  #arrive(vm: Vm, eventId: string, agreed: readonly string[]): void {
    const event = this.events.find((one) => one.eventId === eventId);
    if (event === undefined || event.status !== 'Scheduled') return;
    this.posts.push({ by: vm.name, eventId, agreed });
    for (const other of this.vms) {
      if (other.isOpen && agreed.includes(other.name))
        this.violations.push(`S1: ${other.name} takes traffic when the approval of ${eventId} arrives`);
    }
    const startMs = this.between(100, 3000);
    this.after(startMs, () => {
      this.change(eventId, { status: 'Started', notBeforeMs: undefined });
      for (const other of this.vms) {
        if (event.resources.includes(other.name)) this.crash(other, this.between(3000, 10_000), false);
      }
      this.after(12_000, () => {
        this.end(eventId);
      });
    });
  }

  /** S1b: from the first approval to the end of the event nobody whom it names comes back. */
  #checkOpened(vm: Vm): void {
    for (const event of this.events) {
      if (this.posts.some((post) => post.eventId === event.eventId && post.agreed.includes(vm.name)))
        this.violations.push(`S1b: ${vm.name} takes traffic again before ${event.eventId} has ended`);
    }
  }
}
