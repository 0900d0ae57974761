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
import { Operator } from './operator.ts';
import { Traffic } from './traffic.ts';
import { SCOPE, type SimulatedVm, type World } from './world.ts';

/** The agent polls, and half-way between two polls looks at the clock. */
const POLL_MS = 1000;
/** Answers come after this long at the most when nothing is wrong. */
const QUICK_MS = 40;
/** A late POST: on its way for up to 8 s, sent by a process that may have stood still for 20 s before. */
const LATE_POST_MS = 28_000;

/**
 * One VM: the agent's own decisions, with a simulated journal, balancer, application and network around them. The gate closes
 * when the agent dies (its port is gone); a balancer that is told by the agent goes on as it was told.
 */
export class Node implements SimulatedVm {
  readonly name: string;
  readonly #world: World;
  readonly #invariants: Invariants;
  readonly #vmId: string;
  readonly #hasGate: boolean;
  readonly #traffic: Traffic;
  readonly operator: Operator;
  /** How wrong its wall clock is. */
  #clockErrorMs = 0;
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
  constructor(options: { name: string; index: number; world: World; invariants: Invariants; hasGate: boolean }) {
    this.name = options.name;
    this.#world = options.world;
    this.#invariants = options.invariants;
    this.#vmId = `id-${options.index}`;
    this.#hasGate = options.hasGate;
    this.operator = new Operator(options.world, options.index);
    this.#traffic = new Traffic(options.name, options.world, options.invariants);
  }

  isInRotation(): boolean {
    return this.#traffic.isInRotation;
  }

  connections(): number {
    return this.#traffic.connections();
  }

  /** Somebody sets the wall clock; undefined sets it right. */
  setClock(errorMs: number): void {
    this.#world.trace(this.name, `wall clock wrong by ${errorMs} ms`);
    this.#clockErrorMs = errorMs;
  }

  /** The operator keeps it in service, for whatever event it knows. */
  withdraw(): void {
    for (const { promise } of Object.values(this.#state?.events ?? {}))
      this.#tell({ kind: 'withdraw', eventId: promise.eventId });
  }

  isAlive(): boolean {
    return this.#state !== undefined;
  }

  /** In service, and with nothing left to do for any event. */
  isQuiet(): boolean {
    const state = this.#state;
    if (state === undefined || this.#isPaused() || state.rotation.state !== 'in') return false;
    return Object.keys(state.events).length === 0 && Object.keys(state.maintenance).length === 0;
  }

  /** Has it told the coordinator that it stays out? */
  hasPromised(): boolean {
    return this.#world
      .recordsOf(this.name)
      .some((record) => record.members[canonicalName(this.name)]?.promise === 'prepared');
  }

  /** Everything that the agent would tell an operator; for traces of runs that failed. */
  describe(): string {
    const events = Object.values(this.#state?.events ?? {}).map(
      (entry) =>
        `${entry.promise.promise}/${entry.preparation.step}/${entry.approval.step} ${entry.preparation.detail}`,
    );
    return `${this.name}: ${this.#state?.rotation.state ?? 'dead'}; ${events.join('; ')}`;
  }

  boot(): void {
    const life = ++this.#life;
    const { time } = this.#world;
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
      { wallMs: time.nowMs + this.#clockErrorMs, monotonicMs: time.nowMs },
    );
    this.#backlog = [];
    this.#isLinked = false;
    const firstMs = this.#world.between(0, POLL_MS);
    this.#every(life, firstMs, () => {
      this.#poll();
    });
    this.#every(life, firstMs + POLL_MS / 2, () => {
      this.#watchLink();
      this.#tell({ kind: 'tick' });
    });
    this.#tell({ kind: 'tick' });
  }

  /** kill -9, or the VM going down. The application's connections end with the VM, not with the agent. */
  kill(options: { readonly isVmDown: boolean; readonly losesJournal: boolean }): void {
    if (this.#state === undefined) return;
    this.#world.trace(this.name, options.losesJournal ? 'dies and loses its journal' : 'dies');
    this.#state = undefined;
    this.#life++;
    if (options.losesJournal) this.#journal = undefined;
    if (options.isVmDown) this.#traffic.cut();
    else if (this.#hasGate) this.#traffic.leave();
  }

  pause(ms: number): void {
    this.#world.trace(this.name, `stands still for ${ms} ms`);
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#world.time.nowMs + ms);
    this.#world.time.after(ms, () => {
      const backlog = this.#backlog.splice(0);
      for (const observation of backlog) this.#tell(observation);
    });
  }

  partition(ms: number): void {
    this.#world.trace(this.name, `cut off from the coordinator for ${ms} ms`);
    this.#partitionedUntilMs = this.#world.time.nowMs + ms;
  }

  /** The scheduler takes the VM out for maintenance; unless it says so before, the VM comes back by itself then. */
  maintain(workId: string, ms: number, isRestored: boolean): void {
    // The order names a time of the scheduler's clock: a clock that is set wrong before it is read makes it another.
    if (this.#isPaused() && this.#world.faults.clockJumps > 0) return;
    const untilWallMs = this.#world.time.nowMs + this.#clockErrorMs + ms;
    this.#world.trace(this.name, `maintenance ${workId} for ${ms} ms`);
    this.#tell({ kind: 'maintenance-drain', workId, attempt: 1, reason: 'patch', untilWallMs });
    if (isRestored) this.#later(ms, { kind: 'maintenance-restore', workId, attempt: 1 });
  }

  hit(type: EventType, durationMs: number): void {
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

  #every(life: number, firstMs: number, run: () => void): void {
    const { time } = this.#world;
    const again = (): void => {
      if (life !== this.#life) return;
      run();
      time.after(POLL_MS, again);
    };
    time.after(firstMs, again);
  }

  #isPaused(): boolean {
    return this.#world.time.nowMs < this.#pausedUntilMs;
  }

  #canReach(): boolean {
    const isPartitioned = this.#world.isFaulty() && this.#world.time.nowMs < this.#partitionedUntilMs;
    return this.#world.isCoordinatorUp() && !isPartitioned;
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
    const document = this.#world.read(this.name);
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
    const { nowMs } = this.#world.time;
    const { state, actions } = decide(this.#state, observation, {
      wallMs: nowMs + this.#clockErrorMs,
      monotonicMs: nowMs,
    });
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
        this.#ask(action.id, () => ({ kind: 'records', id: action.id, records: this.#world.recordsOf(this.name) }));
        return;
      case 'submit':
        this.#submit(action.id, action.command);
        return;
      case 'read-fresh': {
        const document = this.#world.read(this.name);
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
        const ok = !this.#world.happens(faults.failedHooks);
        const detail = ok ? '' : 'exit status 1';
        this.#later(1500, { kind: 'hook', key: action.key, phase: action.phase, ok, detail });
        return;
      }
      case 'activity':
        this.#world.trace(this.name, `${action.activity}: ${action.detail}`);
        return;
      case 'log':
        this.#world.trace(this.name, `(${action.level}) ${action.message}: ${action.detail}`);
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
    if (this.#world.happens(this.#world.faults.failedWrites)) {
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
    if (command.kind === 'report') {
      const eventId = canonicalEventId(command.eventId);
      if (command.promise === 'prepared') this.#invariants.promised(this.name, eventId);
      else if (command.promise === 'released') this.#invariants.released(this.name, eventId);
    }
    this.#ask(id, () => {
      const answer = this.#world.submit(command);
      // A lower promise counts from when it is in a record that nobody has intended anything in.
      const isLower = command.kind === 'withdraw' || (command.kind === 'report' && command.promise !== 'prepared');
      const isTakenBack = isLower && answer.outcome.kind === 'accepted' && answer.record?.everIntent === false;
      // Refused is what was overtaken by a newer write of its own: it is in no record.
      if (isTakenBack || (command.kind === 'report' && answer.outcome.kind === 'refused'))
        this.#invariants.released(this.name, canonicalEventId(command.eventId));
      return { kind: 'answer', id, ...answer };
    });
  }

  #post(token: number, eventId: string): void {
    const key = canonicalEventId(eventId);
    const read = this.#freshReads.get(key)?.events.find((event) => canonicalEventId(event.eventId) === key);
    this.#invariants.sending(this.name, key, read?.status === 'Scheduled' ? read.resources : undefined);
    const isLate = this.#world.happens(this.#world.faults.latePosts);
    const life = this.#life;
    this.#world.approvalsUnderWay++;
    this.#world.time.after(isLate ? this.#world.between(1, LATE_POST_MS) : this.#world.between(1, QUICK_MS), () => {
      this.#world.approvalsUnderWay--;
      // On its way already: that the sender died since does not call it back.
      const outcome = this.#world.post(this.name, eventId);
      const isLost = this.#world.happens(this.#world.faults.lostAnswers);
      if (life === this.#life)
        this.#tell({ kind: 'posted', token, outcome: isLost ? 'unknown' : outcome, detail: isLost ? 'time-out' : '' });
    });
  }
}

const asResult = (document: EventDocument | undefined): PollResult =>
  document === undefined ? { kind: 'failed', reason: 'no answer' } : { kind: 'document', document };
