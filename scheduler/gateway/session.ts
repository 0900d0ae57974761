import type { WebSocket } from 'ws';
import type { AgreementCommand, Transition } from '../../common/agreement/command.ts';
import type { AgreementRecord } from '../../common/agreement/record.ts';
import {
  PROTOCOL_VERSION,
  type AgentMessage,
  type HelloProof,
  type SchedulerMessage,
  type VmIdentity,
} from '../../common/protocol/messages.ts';
import type { Clock } from '../../common/runtime/clock.ts';
import { describeError } from '../../common/runtime/errors.ts';
import type { Log } from '../../common/runtime/log.ts';
import type { AgentKey } from '../enrolment/admission.ts';
import type { Enrolment } from '../enrolment/enrolment.ts';
import type { RolloutReport } from '../rollout.ts';
import { vmKey } from '../vm-key.ts';
import type { WatchHub } from '../watch.ts';
import type { Coordination } from '../coordination/coordination.ts';
import { parseMessage, type Claimed } from './parse-message.ts';
import type { LiveVm, Registry } from './registry.ts';

/**
 * Why a connection was ended by the scheduler: a proof that does not hold · another protocol version · a name that is taken by
 * another machine · what is no message of the protocol, or comes out of turn · more of them than an agent has to say.
 */
export type ConnectionRefusal = 'bad-proof' | 'other-protocol' | 'name-taken' | 'bad-message' | 'too-many-messages';

/** What a session needs of the rest of the scheduler. */
export interface SessionParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly registry: Registry;
  readonly watch: WatchHub;
  readonly coordination: {
    submit(identity: VmIdentity, command: AgreementCommand): Promise<Transition>;
    reconcile(identity: VmIdentity): Promise<readonly AgreementRecord[]>;
    mayLeave: Coordination['mayLeave'];
  };
  readonly onReport: (report: RolloutReport) => void;
  readonly enrolment: Enrolment;
  /** Counts what was refused. */
  readonly refused: (refusal: ConnectionRefusal) => void;
}

/**
 * Messages a session may send in one second, on top of a burst. An agent with a few events sends some ten; a thousand is a
 * loop gone wild, and would cost the other agents their turn.
 */
const MESSAGES_PER_SECOND = 200;
const MESSAGE_BURST = 1000;
/** Messages that wait for the store at a time, before the session counts as gone wild. */
const MAX_WAITING = 1000;
/** Bytes that an agent has not taken in yet: one that does not read must not fill our memory. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;

/** WebSocket close code for a policy that was broken (RFC 6455, 7.4.1). */
const POLICY_VIOLATION = 1008;

/**
 * The conversation with one agent over one connection. It begins with `hello`, which binds the connection to one VM; from then
 * on the agent can write for that VM only. Messages are handled in their order, one at a time.
 */
export class Session {
  readonly id: string;
  readonly #socket: WebSocket;
  readonly #parts: SessionParts;
  readonly #nonce: string;
  #vm: LiveVm | undefined;
  /** For the log: whom the agent says it speaks for. */
  #claimed: Claimed | undefined;
  /** By which the agent has proven itself; undefined when it had to prove nothing. */
  #publicKey: string | undefined;
  #queue: Promise<void> = Promise.resolve();
  #waiting = 0;
  #allowance = MESSAGE_BURST;
  #allowanceAtMs: number;
  #heardAtMs: number;

  constructor(id: string, socket: WebSocket, parts: SessionParts) {
    this.id = id;
    this.#socket = socket;
    this.#parts = parts;
    this.#heardAtMs = parts.clock.monotonic();
    this.#allowanceAtMs = this.#heardAtMs;
    this.#nonce = parts.enrolment.challenge();
  }

  /** Says the first word. */
  open(): void {
    this.send({ kind: 'challenge', nonce: this.#nonce });
  }

  /** Ends the conversation unless it rests on this very key; for one of the same VM. */
  holdTo(key: AgentKey): void {
    const holds = key.revokedAtMs === undefined && key.publicKey === this.#publicKey;
    if (!holds) this.refuse('bad-proof', 'the key of this agent does not hold any more');
  }

  /** Undefined before `hello`. */
  get vm(): LiveVm | undefined {
    return this.#vm;
  }

  silentForMs(): number {
    return this.#parts.clock.monotonic() - this.#heardAtMs;
  }

  receive(text: string): void {
    this.#heardAtMs = this.#parts.clock.monotonic();
    if (!this.#isWithinRate() || this.#waiting >= MAX_WAITING) {
      this.refuse('too-many-messages', 'too many messages');
      return;
    }
    const message = parseMessage(text);
    if (message.kind === 'other-protocol') {
      this.#claimed ??= message.claimed;
      this.refuse('other-protocol', message.reason);
      return;
    }
    if (message.kind === 'invalid') {
      this.refuse('bad-message', `a message was not understood: ${message.reason}`);
      return;
    }
    this.#waiting += 1;
    this.#queue = this.#handleAfter(this.#queue, message.message);
  }

  send(message: SchedulerMessage): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    if (this.#socket.bufferedAmount > MAX_BUFFERED_BYTES) {
      this.#parts.log.warn({ vm: this.#vm?.identity.name }, 'agent does not read its messages; connection dropped');
      this.#socket.terminate();
      return;
    }
    this.#socket.send(JSON.stringify(message));
  }

  refuse(refusal: ConnectionRefusal, reason: string): void {
    this.#parts.refused(refusal);
    const { scope, name } = this.#vm?.identity ?? this.#claimed ?? {};
    this.#parts.log.warn({ vm: name, scope, refusal, reason }, 'agent refused');
    this.send({ kind: 'refused', reason, ...(refusal === 'bad-proof' ? { isAboutKey: true } : {}) });
    this.#socket.close(POLICY_VIOLATION, reason.slice(0, 100));
  }

  /** The socket has closed. */
  async closed(): Promise<void> {
    await this.#queue;
    const vm = this.#vm;
    if (vm === undefined) return;
    if (!(await this.#parts.registry.disconnect(vm, this.#parts.clock.now()))) return;
    this.#parts.log.info({ vm: vm.identity.name, scope: vm.identity.scope }, 'agent disconnected');
    this.#parts.watch.publish({ vm: vm.identity.name, kind: 'vm.lost', detail: 'its agent is not connected any more' });
  }

  async #handleAfter(earlier: Promise<void>, message: AgentMessage): Promise<void> {
    await earlier;
    try {
      await this.#handle(message);
    } catch (error) {
      // No answer: the agent asks again, which every command allows.
      this.#parts.log.error({ vm: this.#vm?.identity.name, err: describeError(error) }, 'message could not be handled');
    }
    this.#waiting -= 1;
  }

  #isWithinRate(): boolean {
    const now = this.#heardAtMs;
    const gained = ((now - this.#allowanceAtMs) / 1000) * MESSAGES_PER_SECOND;
    this.#allowance = Math.min(MESSAGE_BURST, this.#allowance + gained) - 1;
    this.#allowanceAtMs = now;
    return this.#allowance >= 0;
  }

  async #handle(message: AgentMessage): Promise<void> {
    const vm = this.#vm;
    if (message.kind === 'hello') {
      if (vm === undefined) await this.#greet(message);
      else this.refuse('bad-message', 'a connection says hello once');
    } else if (vm === undefined) {
      this.refuse('bad-message', 'the first message must be hello');
    } else {
      await this.#handleBound(vm, message);
    }
  }

  async #greet(hello: Extract<AgentMessage, { kind: 'hello' }>): Promise<void> {
    const { registry, clock, log, watch, enrolment } = this.#parts;
    const { identity } = hello;
    this.#claimed = identity;
    const admission = await enrolment.admit(identity, hello.proof, this.#nonce);
    if (admission.kind === 'refused') {
      this.refuse('bad-proof', admission.reason);
      return;
    }
    this.#publicKey = hello.proof?.publicKey;
    const other = registry.live(vmKey(identity.scope, identity.name));
    if (other !== undefined && other.identity.vmId !== identity.vmId) {
      this.refuse(
        'name-taken',
        `${identity.name} of ${identity.scope} is connected already, as the VM with id ${other.identity.vmId}`,
      );
      return;
    }
    const now = clock.now();
    this.#vm = {
      identity,
      agentVersion: hello.agentVersion,
      connection: this.id,
      connectedAtMs: now,
      health: hello.health,
      healthAtMs: now,
      send: (message) => {
        this.send(message);
      },
      drop: () => {
        this.#socket.close(POLICY_VIOLATION, 'replaced by a newer connection of this VM');
      },
    };
    // Before anything else can be sent to it: from the moment it is in the registry, others do.
    this.send({ kind: 'welcome', protocol: PROTOCOL_VERSION, now });
    await registry.connect(this.#vm);
    log.info({ vm: identity.name, scope: identity.scope, vmId: identity.vmId }, 'agent connected');
    watch.publish({ vm: identity.name, kind: 'vm.connected', detail: `its agent ${hello.agentVersion} is connected` });
  }

  async #handleBound(vm: LiveVm, message: Exclude<AgentMessage, { kind: 'hello' }>): Promise<void> {
    const { registry, clock, coordination, onReport } = this.#parts;
    const key = vmKey(vm.identity.scope, vm.identity.name);
    switch (message.kind) {
      case 'inventory':
        await registry.setInventory(vm, message.inventory);
        return;
      case 'heartbeat':
        registry.setHealth(vm, message.health, clock.now());
        await registry.seen(vm, clock.now());
        return;
      case 'activity':
        this.#relay(vm, message.activity);
        return;
      case 'command': {
        const { outcome, record } = await coordination.submit(vm.identity, message.command);
        this.send({ kind: 'answer', id: message.id, outcome, ...(record === undefined ? {} : { record }) });
        return;
      }
      case 'reconcile': {
        const records = await coordination.reconcile(vm.identity);
        this.send({ kind: 'records', id: message.id, records: [...records] });
        return;
      }
      case 'leave': {
        const vms = await registry.ofRole(vm.identity);
        this.send({
          kind: 'mayLeave',
          id: message.id,
          ...(await coordination.mayLeave(vm.identity, message.minimum, vms)),
        });
        return;
      }
      case 'rotate':
        await this.#rotate(vm, message.proof);
        return;
      case 'drained':
        onReport({ ...message, key, ok: message.proven });
        return;
      case 'taskDone':
        onReport({ ...message, key });
        return;
      case 'restored':
        // It says how the VM is as a heartbeat does, and sooner.
        if (message.healthy) registry.setHealth(vm, { inRotation: true, healthy: true, reasons: [] }, clock.now());
        onReport({ ...message, key, ok: message.healthy });
        return;
      default:
        message satisfies never;
    }
  }

  async #rotate(vm: LiveVm, proof: HelloProof): Promise<void> {
    const from = this.#publicKey;
    const problem =
      from === undefined
        ? 'this VM is not enrolled'
        : await this.#parts.enrolment.rotate(vm.identity, from, proof, this.#nonce);
    if (problem === undefined) this.#publicKey = proof.publicKey;
    this.send({ kind: 'rotated', ...(problem === undefined ? {} : { problem }) });
  }

  #relay(vm: LiveVm, activity: Extract<AgentMessage, { kind: 'activity' }>['activity']): void {
    const { registry, watch, clock } = this.#parts;
    if (activity.kind === 'drain.started') {
      // Known at once and not at the next heartbeat, so that a rollout does not take out a second VM meanwhile.
      registry.setHealth(
        vm,
        { inRotation: false, healthy: false, reasons: [activity.detail.slice(0, 500)] },
        clock.now(),
      );
    }
    watch.relay({
      at: activity.atMs,
      source: 'agent',
      vm: vm.identity.name,
      kind: activity.kind,
      ...(activity.eventId === undefined ? {} : { eventId: activity.eventId }),
      detail: activity.detail,
    });
  }
}
