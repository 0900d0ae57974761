import type { Action } from '../../agent/core/action.ts';
import { decide } from '../../agent/core/decide.ts';
import { initialState } from '../../agent/core/durable.ts';
import type { Observation } from '../../agent/core/observation.ts';
import type { AgentState } from '../../agent/core/state.ts';
import { canonicalEventId, canonicalName } from '../../common/agreement/names.ts';
import type { AgreementRecord } from '../../common/agreement/record.ts';
import type { EventType } from '../../emulator/platform/state.ts';
import type { Invariants } from './invariants.ts';
import { asResult, describeAgent, isIdle, type NodeOptions } from './agent-views.ts';
import { Disk } from './disk.ts';
import { HookChecks } from './hook-checks.ts';
import { Link } from './link.ts';
import { NodeClock } from './node-clock.ts';
import { Operator } from './operator.ts';
import { Sender } from './sender.ts';
import { Traffic } from './traffic.ts';
import { Pace } from './pace.ts';
import { SCOPE } from './run-times.ts';
import type { SimulatedVm, World } from './world.ts';

/** Answers come after this long at the most when nothing is wrong. */
const QUICK_MS = 40;
/**
 * A look at a balancer takes 200 ms to be told, up to 1000 ms more when the VM stands still in it (more is not believed), and
 * a promise may come 250 ms after that; by a clock that may go wrong.
 */
const LOOK_MS = 1500;

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
  #preparedAtMs = Number.NEGATIVE_INFINITY;
  #state: AgentState | undefined;
  readonly #disk: Disk;
  /** Raised when the process dies: whatever was under way belongs to an older life. */
  #life = 0;
  #pausedUntilMs = 0;
  readonly #pace: Pace;
  #backlog: Observation[] = [];
  readonly #link: Link;
  readonly #sender: Sender;

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
    this.#pace = new Pace(options.world, this.#clock);
    this.#link = new Link(options.world);
    this.#hooks = new HookChecks(this.#label, options.invariants);
    this.#traffic = new Traffic(this.#label, options.world, () => {
      if (!this.#isClone) options.invariants.entersRotation(options.name);
    });
    const agent = {
      name: options.name,
      label: this.#label,
      isClone: this.#isClone,
      life: () => this.#life,
      isAlive: () => this.isAlive(),
      canTalk: () => this.#link.canTalk(),
      tell: this.#tell.bind(this),
    };
    this.#disk = new Disk(options.world, agent);
    this.#sender = new Sender(options.world, options.invariants, agent);
    if (!this.hasAgent) this.#traffic.enter();
  }

  isInRotation(): boolean {
    return this.#traffic.isInRotation;
  }

  connections(): number {
    return this.#traffic.connections();
  }

  hasLostJournal(): boolean {
    return this.#disk.hasLost;
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

  isQuiet(): boolean {
    if (!this.hasAgent || this.#isGoneForEver) return true;
    return this.#state !== undefined && !this.#isPaused() && isIdle(this.#state);
  }

  /** Has it told the coordinator that it stays out? */
  hasPromised(): boolean {
    return this.#world.coordinator
      .recordsOf(this.name)
      .some((record) => record.members[canonicalName(this.name)]?.promise === 'prepared');
  }

  describe(): string {
    return `${this.#label}: ${describeAgent(this.#state)}`;
  }

  boot(): void {
    if (!this.hasAgent || this.#isGoneForEver) return;
    const life = ++this.#life;
    this.#hooks.restart(this.#disk.journal);
    this.#state = initialState(
      {
        identity: { scope: SCOPE, name: this.name, vmId: this.#vmId },
        hasCoordinator: true,
        absentForMs: 10_000,
        detectionMs: 1000,
        drainTimeoutMs: 15_000,
        policy: this.operator.policy,
      },
      this.#disk.journal,
      this.#clock.now(),
    );
    this.#backlog = [];
    this.#link.cut();
    this.#pace.begin({
      isOver: () => life !== this.#life,
      poll: this.#poll.bind(this),
      look: this.#look.bind(this),
    });
    this.#tell({ kind: 'tick' });
  }

  /** kill -9, or the VM going down. The application's connections end with the VM, not with the agent. */
  kill(options: { readonly isVmDown: boolean; readonly losesJournal: boolean }): void {
    if (this.#state === undefined) return;
    if (options.losesJournal) this.#world.count('journal lost');
    this.#world.trace(this.#label, options.losesJournal ? 'dies and loses its journal' : 'dies');
    this.#invariants.interrupted();
    if (options.isVmDown) this.#clock.restart();
    this.#state = undefined;
    this.#life++;
    if (options.losesJournal) this.#disk.lose();
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
    this.#link.partition(ms);
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
    if (!this.#link.canTalk()) return;
    this.#later(QUICK_MS, { kind: 'record', record });
  }

  /** At the connection, and at the clock. */
  #look(): void {
    const news = this.#link.watch();
    if (news !== undefined) this.#tell({ kind: news });
    else if (this.#pace.isTickDue()) this.#tell({ kind: 'tick' });
  }

  #isPaused(): boolean {
    return this.#world.time.nowMs < this.#pausedUntilMs;
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
    this.#pace.decided();
    const { state, actions } = decide(this.#state, observation, this.#clock.now());
    this.#state = state;
    for (const action of actions) this.#perform(action);
  }

  #perform(action: Action): void {
    const { faults } = this.#world;
    switch (action.kind) {
      case 'persist':
        this.#disk.write(action.revision, action.durable);
        return;
      case 'reconcile':
        this.#sender.ask(action.id, () => ({
          kind: 'records',
          id: action.id,
          records: this.#world.coordinator.recordsOf(this.name),
        }));
        return;
      case 'submit':
        this.#sender.submit(action.id, action.command);
        return;
      case 'read-fresh': {
        const document = this.#world.metadata.read(this.name);
        this.#sender.hasRead(action.eventId, document);
        this.#later(QUICK_MS, { kind: 'read', token: action.token, result: asResult(document) });
        return;
      }
      case 'post':
        this.#sender.post(action.token, action.eventId);
        return;
      case 'ask-leave': {
        const granted = this.#world.random.fraction() < 0.5;
        this.#sender.ask(action.id, () => ({ kind: 'leave', id: action.id, granted, detail: 'too few' }));
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
        if (action.activity === 'promise.prepared') {
          this.#preparedAtMs = this.#world.time.nowMs;
          this.#invariants.decides(this.name, canonicalEventId(action.eventId ?? ''));
        }
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
}
