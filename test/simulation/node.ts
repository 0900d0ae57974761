import type { Action } from '../../agent/core/action.ts';
import { decide } from '../../agent/core/decide.ts';
import { initialState } from '../../agent/core/durable.ts';
import type { Observation, PollResult } from '../../agent/core/observation.ts';
import type { AgentState, DurableState } from '../../agent/core/state.ts';
import type { EventDocument } from '../../agent/core/event-document.ts';
import { canonicalEventId, canonicalName } from '../../common/agreement/names.ts';
import type { AgreementRecord } from '../../common/agreement/record.ts';
import type { AgreementCommand } from '../../common/agreement/command.ts';
import type { EventType } from '../../emulator/platform/state.ts';
import type { Invariants } from './invariants.ts';
import { askCoordinator } from './ask-coordinator.ts';
import { HookChecks } from './hook-checks.ts';
import { NodeClock } from './node-clock.ts';
import { Operator } from './operator.ts';
import { Traffic } from './traffic.ts';
import { SCOPE } from './run-times.ts';
import type { SimulatedVm, World } from './world.ts';

/** The agent polls, and half-way between two polls looks at the clock. */
const POLL_MS = 1000;
/** Answers come after this long at the most when nothing is wrong. */
const QUICK_MS = 40;
/** What a look at a balancer found may be so old when it is told. */
const LOOK_MS = 250;
/** A late POST: on its way for up to 8 s, sent by a process that may have stood still for 20 s before. */
const LATE_POST_MS = 28_000;

interface NodeOptions {
  readonly name: string;
  readonly index: number;
  readonly world: World;
  readonly invariants: Invariants;
  readonly hasGate: boolean;
  /** False: nobody watches over this VM; it is in rotation, always. */
  readonly hasAgent?: boolean;
  /** Another machine that goes by the name of a VM, and is in no balancer. */
  readonly isClone?: boolean;
}

/**
 * One VM: the agent's own decisions, with a simulated journal, balancer, application and network around them. The gate closes
 * when the agent dies (its port is gone); a balancer that is told by the agent goes on as it was told.
 */
export class Node implements SimulatedVm {
  readonly name: string;
  readonly #world: World;
  readonly #invariants: Invariants;
  readonly #vmId: string;
  /** Its name in traces. */
  readonly #label: string;
  readonly #hasGate: boolean;
  readonly #traffic: Traffic;
  readonly operator: Operator;
  readonly canonical: string;
  readonly hasAgent: boolean;
  readonly #isClone: boolean;
  readonly #clock: NodeClock;
  readonly #hooks: HookChecks;
  #isGoneForEver = false;
  #wasDown = false;
  #preparedAtMs = Number.NEGATIVE_INFINITY;
  #state: AgentState | undefined;
  /** Installed long ago, so that it has one. */
  #journal: DurableState | undefined = { number: 0, incarnation: undefined, events: [], maintenance: [] };
  /** Raised when the process dies: whatever was under way belongs to an older life. */
  #life = 0;
  #pausedUntilMs = 0;
  #backlog: Observation[] = [];
  #partitionedUntilMs = 0;
  #isLinked = false;
  readonly #freshReads = new Map<string, EventDocument | undefined>();
  constructor(options: NodeOptions) {
    this.name = options.name;
    this.#world = options.world;
    this.#invariants = options.invariants;
    this.canonical = canonicalName(options.name);
    this.#isClone = options.isClone === true;
    this.hasAgent = options.hasAgent !== false;
    this.#vmId = this.#isClone ? 'id-of-another' : `id-${options.index}`;
    this.#label = this.#isClone ? `${options.name}*` : options.name;
    this.#hasGate = options.hasGate;
    this.operator = new Operator(options.world, options.index);
    this.#clock = new NodeClock(options.world);
    this.#hooks = new HookChecks(this.#label, options.invariants);
    this.#traffic = new Traffic(this.#label, options.world, () => {
      if (!this.#isClone) options.invariants.entersRotation(options.name);
    });
    if (!this.hasAgent) this.#traffic.enter();
  }

  isInRotation(): boolean {
    return this.#traffic.isInRotation;
  }

  connections(): number {
    return this.#traffic.connections();
  }

  isUndone(): boolean {
    const { restartedAtMs } = this.#traffic;
    return restartedAtMs !== undefined && restartedAtMs >= this.#preparedAtMs - LOOK_MS;
  }

  restartBalancer(): void {
    // A gate that is shut stays shut, whoever asks.
    if (this.#state !== undefined && !this.#hasGate) this.#traffic.restartBalancer();
  }

  /** Somebody sets the wall clock; 0 sets it right. */
  setClock(errorMs: number): void {
    this.#world.count('clock jump');
    this.#world.trace(this.#label, `wall clock wrong by ${errorMs} ms`);
    this.#clock.set(errorMs);
  }

  /** The operator keeps it in service, for whatever event it knows. */
  withdraw(): void {
    for (const { promise } of Object.values(this.#state?.events ?? {})) {
      this.#world.count('withdrawal');
      this.#world.trace(this.#label, 'its operator keeps it in service');
      this.#tell({ kind: 'withdraw', eventId: promise.eventId });
    }
  }

  isAlive(): boolean {
    return this.#state !== undefined;
  }

  /** In service, and with nothing left to do for any event. */
  isQuiet(): boolean {
    const state = this.#state;
    if (!this.hasAgent || this.#isGoneForEver) return true;
    if (state === undefined || this.#isPaused() || state.rotation.state !== 'in') return false;
    return Object.keys(state.events).length === 0 && Object.keys(state.maintenance).length === 0;
  }

  /** Has it told the coordinator that it stays out? */
  hasPromised(): boolean {
    return this.#world.coordinator
      .recordsOf(this.name)
      .some((record) => record.members[canonicalName(this.name)]?.promise === 'prepared');
  }

  /** Everything that the agent would tell an operator; for traces of runs that failed. */
  describe(): string {
    const events = Object.values(this.#state?.events ?? {}).map(
      (entry) =>
        `${entry.promise.promise}/${entry.preparation.step}/${entry.approval.step} ${entry.preparation.detail}`,
    );
    return `${this.#label}: ${this.#state?.rotation.state ?? 'dead'}; ${events.join('; ')}`;
  }

  boot(): void {
    if (!this.hasAgent || this.#isGoneForEver) return;
    const life = ++this.#life;
    if (this.#wasDown) this.#clock.restart();
    this.#wasDown = false;
    this.#hooks.restart(this.#journal);
    this.#state = initialState(
      {
        identity: { scope: SCOPE, name: this.name, vmId: this.#vmId },
        hasCoordinator: true,
        absentForMs: 10_000,
        detectionMs: 1000,
        drainTimeoutMs: 15_000,
        policy: this.operator.policy,
      },
      this.#journal,
      this.#clock.now(),
    );
    this.#backlog = [];
    this.#isLinked = false;
    const firstMs = this.#world.between(0, POLL_MS);
    const periodMs = this.#clock.realMs(POLL_MS);
    this.#every(life, { firstMs, periodMs }, () => {
      this.#poll();
    });
    this.#every(life, { firstMs: firstMs + periodMs / 2, periodMs }, () => {
      this.#watchLink();
      this.#tell({ kind: 'tick' });
    });
    this.#tell({ kind: 'tick' });
  }

  /** kill -9, or the VM going down. The application's connections end with the VM, not with the agent. */
  kill(options: { readonly isVmDown: boolean; readonly losesJournal: boolean }): void {
    if (this.#state === undefined) return;
    if (options.losesJournal) this.#world.count('journal lost');
    this.#world.trace(this.#label, options.losesJournal ? 'dies and loses its journal' : 'dies');
    this.#invariants.interrupted();
    this.#wasDown ||= options.isVmDown;
    this.#state = undefined;
    this.#life++;
    if (options.losesJournal) this.#journal = undefined;
    if (options.isVmDown) this.#traffic.cut();
    else if (this.#hasGate) this.#traffic.leave();
  }

  /** It is never seen again; nobody can be held to what it does not do. */
  disappear(): void {
    this.#isGoneForEver = true;
  }

  isGone(): boolean {
    return this.#isGoneForEver;
  }

  pause(ms: number): void {
    this.#invariants.interrupted();
    this.#world.trace(this.#label, `stands still for ${ms} ms`);
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#world.time.nowMs + ms);
    this.#world.time.after(ms, () => {
      const backlog = this.#backlog.splice(0);
      for (const observation of backlog) this.#tell(observation);
    });
  }

  partition(ms: number): void {
    this.#world.count('partition');
    this.#world.trace(this.#label, `cut off from the coordinator for ${ms} ms`);
    this.#partitionedUntilMs = this.#world.time.nowMs + ms;
  }

  /** The scheduler takes the VM out for maintenance; unless it says so before, the VM comes back by itself then. */
  maintain(workId: string, ms: number, isRestored: boolean): void {
    // The order names a time of the scheduler's clock: a clock that is set wrong before it is read makes it another.
    if (this.#isPaused() && this.#world.faults.clockJumps > 0) return;
    const untilWallMs = this.#clock.now().wallMs + ms;
    this.#world.count('maintenance');
    this.#world.trace(this.#label, `maintenance ${workId} for ${ms} ms`);
    this.#tell({ kind: 'maintenance-drain', workId, attempt: 1, reason: 'patch', untilWallMs });
    if (isRestored) this.#later(ms, { kind: 'maintenance-restore', workId, attempt: 1 });
  }

  hit(type: EventType, durationMs: number): void {
    if (!this.hasAgent) return;
    if (type === 'Freeze') {
      this.pause(durationMs);
      return;
    }
    this.kill({
      isVmDown: true,
      losesJournal: type === 'Redeploy' && this.#world.happens(this.#world.faults.lostJournals),
    });
    this.#world.time.after(Math.max(durationMs, 1), () => {
      if (this.#state === undefined) this.boot();
    });
  }

  recordChanged(record: AgreementRecord): void {
    if (!this.#canTalk()) return;
    this.#later(QUICK_MS, { kind: 'record', record });
  }

  #every(life: number, at: { readonly firstMs: number; readonly periodMs: number }, run: () => void): void {
    const { time } = this.#world;
    const again = (): void => {
      if (life !== this.#life) return;
      run();
      time.after(at.periodMs, again);
    };
    time.after(at.firstMs, again);
  }

  #isPaused(): boolean {
    return this.#world.time.nowMs < this.#pausedUntilMs;
  }

  #canReach(): boolean {
    const isPartitioned = this.#world.isFaulty() && this.#world.time.nowMs < this.#partitionedUntilMs;
    return this.#world.coordinator.isUp() && !isPartitioned;
  }

  #canTalk(): boolean {
    return this.#isLinked && this.#canReach();
  }

  #watchLink(): void {
    const isUp = this.#canReach();
    if (isUp === this.#isLinked) return;
    this.#isLinked = isUp;
    this.#tell({ kind: isUp ? 'connected' : 'disconnected' });
  }

  #poll(): void {
    if (this.#isPaused()) return;
    const document = this.#world.metadata.read(this.name);
    // If-None-Match: what was read last is not sent again.
    const isSame = document !== undefined && document === this.#state?.document;
    this.#later(QUICK_MS, { kind: 'poll', result: isSame ? { kind: 'unchanged' } : asResult(document) });
  }

  /** Tells the agent something after at most `ms`, if it still lives the same life then. */
  #later(ms: number, observation: Observation): void {
    const life = this.#life;
    this.#world.time.after(this.#world.between(1, ms), () => {
      if (life === this.#life) this.#tell(observation);
    });
  }

  #tell(observation: Observation): void {
    if (this.#state === undefined) return;
    if (this.#isPaused()) {
      if (observation.kind !== 'tick') this.#backlog.push(observation);
      return;
    }
    const { state, actions } = decide(this.#state, observation, this.#clock.now());
    this.#state = state;
    for (const action of actions) this.#perform(action);
  }

  #perform(action: Action): void {
    const { faults } = this.#world;
    switch (action.kind) {
      case 'persist':
        this.#persist(action.revision, action.durable);
        return;
      case 'reconcile':
        this.#ask(action.id, () => ({
          kind: 'records',
          id: action.id,
          records: this.#world.coordinator.recordsOf(this.name),
        }));
        return;
      case 'submit':
        this.#submit(action.id, action.command);
        return;
      case 'read-fresh': {
        const document = this.#world.metadata.read(this.name);
        this.#freshReads.set(canonicalEventId(action.eventId), document);
        this.#later(QUICK_MS, { kind: 'read', token: action.token, result: asResult(document) });
        return;
      }
      case 'post':
        this.#post(action.token, action.eventId);
        return;
      case 'ask-leave': {
        const granted = this.#world.random.fraction() < 0.5;
        this.#ask(action.id, () => ({ kind: 'leave', id: action.id, granted, detail: 'too few' }));
        return;
      }
      case 'drain.start':
      case 'drain.read':
      case 'drain.restore':
        this.#later(action.kind === 'drain.read' ? 200 : QUICK_MS, this.#traffic.perform(action));
        return;
      case 'hook': {
        this.#hooks.begins(action.key, action.phase, this.#state);
        const ok = !this.#world.strikes('hook fails', faults.failedHooks);
        const detail = ok ? '' : 'exit status 1';
        this.#later(1500, { kind: 'hook', key: action.key, phase: action.phase, ok, detail });
        return;
      }
      case 'activity':
        if (action.activity === 'promise.prepared') this.#preparedAtMs = this.#world.time.nowMs;
        if (action.activity === 'event.changed') this.#invariants.allowOneMore(canonicalEventId(action.eventId ?? ''));
        if (action.activity === 'event.ended' || action.activity === 'event.cancelled')
          this.#hooks.ended(action.eventId);
        this.#world.trace(this.#label, `${action.activity}: ${action.detail}`);
        return;
      case 'log':
        this.#world.trace(this.#label, `(${action.level}) ${action.message}: ${action.detail}`);
        return;
      case 'reply.drained':
      case 'reply.restored':
      case 'reply.withdrawn':
        return;
      default:
        action satisfies never;
    }
  }

  #persist(revision: number, durable: DurableState): void {
    if (this.#world.strikes('disk full', this.#world.faults.failedWrites)) {
      this.#later(QUICK_MS, { kind: 'persist-failed', revision, reason: 'no space left on device' });
      return;
    }
    const life = this.#life;
    this.#world.time.after(this.#world.between(1, 10), () => {
      // A process that died meanwhile may or may not have got it to disk.
      if (life !== this.#life && this.#world.random.fraction() < 0.5) return;
      if (life === this.#life || this.#state === undefined) this.#journal = durable;
      if (life === this.#life) this.#tell({ kind: 'persisted', revision });
    });
  }

  /** A question to the coordinator: it, or its answer, can be lost on the way. */
  #ask(id: number, answer: () => Observation): void {
    const life = this.#life;
    askCoordinator(this.#world, () => this.#canTalk(), {
      id,
      answer,
      tell: (observation) => {
        if (life === this.#life) this.#tell(observation);
      },
    });
  }

  #submit(id: number, command: AgreementCommand): void {
    if (command.kind === 'report' && !this.#isClone) {
      const eventId = canonicalEventId(command.eventId);
      if (command.promise === 'prepared') this.#invariants.promised(this.name, eventId);
    }
    this.#ask(id, () => {
      const answer = this.#world.coordinator.submit(command);
      // A lower promise counts from when it is in a record that nobody has intended anything in.
      // (A `released` is not about an event that is there: that the event is gone is for the platform to say.)
      const isLower =
        command.kind === 'withdraw' ||
        (command.kind === 'report' && (command.promise === 'binding' || command.promise === 'consented'));
      const isTakenBack = isLower && answer.outcome.kind === 'accepted' && answer.record?.everIntent === false;
      // Refused is what was overtaken by a newer write of its own: it is in no record.
      if (this.#isClone) return { kind: 'answer', id, ...answer };
      if (isTakenBack || (command.kind === 'report' && answer.outcome.kind === 'refused'))
        this.#invariants.released(this.name, canonicalEventId(command.eventId));
      return { kind: 'answer', id, ...answer };
    });
  }

  #post(token: number, eventId: string): void {
    const key = canonicalEventId(eventId);
    const read = this.#freshReads.get(key)?.events.find((event) => canonicalEventId(event.eventId) === key);
    this.#invariants.sending(this.#label, key, read?.status === 'Scheduled' ? read.resources : undefined);
    const isLate = this.#world.strikes('approval late', this.#world.faults.latePosts);
    const life = this.#life;
    const lifeOfEvent = this.#world.lifeOf(key);
    this.#world.approvalsUnderWay++;
    this.#world.time.after(isLate ? this.#world.between(1, LATE_POST_MS) : this.#world.between(1, QUICK_MS), () => {
      this.#world.approvalsUnderWay--;
      // On its way already: that the sender died since does not call it back.
      const outcome = this.#world.post({ name: this.name, label: this.#label }, eventId, lifeOfEvent);
      const isLost = this.#world.strikes('approval unanswered', this.#world.faults.lostAnswers);
      if (isLost || outcome === 'refused' || life !== this.#life) this.#invariants.allowOneMore(key);
      if (life === this.#life)
        this.#tell({ kind: 'posted', token, outcome: isLost ? 'unknown' : outcome, detail: isLost ? 'time-out' : '' });
    });
  }
}

const asResult = (document: EventDocument | undefined): PollResult =>
  document === undefined ? { kind: 'failed', reason: 'no answer' } : { kind: 'document', document };
