import { rootCertificates } from 'node:tls';
import { WebSocket } from 'ws';
import type { AgreementRecord } from '../../common/agreement/record.ts';
import {
  AGENT_PATH,
  DEAD_AFTER_MS,
  HEARTBEAT_MS,
  MAX_MESSAGE_BYTES,
  PROTOCOL_VERSION,
  schedulerMessageSchema,
  type AgentMessage,
  type SchedulerMessage,
} from '../../common/protocol/messages.ts';
import { describeError } from '../../common/runtime/errors.ts';
import { backoffMs } from '../../common/runtime/backoff.ts';
import type { Clock } from '../../common/runtime/clock.ts';
import type { Log } from '../../common/runtime/log.ts';
import type { RandomSource } from '../../common/runtime/random.ts';
import type { AgentKey } from './agent-key.ts';
import type { Agreements, Answer, Coordinator, CoordinatorEvents, CoordinatorIdentity, Told } from './coordinator.ts';
import { readInventory } from './inventory.ts';

/** A command without an answer for this long may be asked again. Below the pause of a refused candidate (LEASE_RETRY_MS). */
const ANSWER_TIMEOUT_MS = 1400;

const HANDSHAKE_TIMEOUT_MS = 3000;

/** A scheduler that restarts is back within seconds; a fleet that lost it together comes back spread over this. */
const RECONNECT = { baseMs: 250, maxMs: 5000 };

/** What is told while nobody listens: an event makes about a dozen lines. The oldest go first. */
const MAX_WAITING = 500;

export interface SchedulerLinkOptions {
  /** Of the scheduler, or of every replica of it: the next is tried whenever one does not answer or is lost. */
  readonly urls: readonly string[];
  readonly who: CoordinatorIdentity;
  readonly credentials: LinkCredentials;
  readonly events: CoordinatorEvents;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly log: Log;
}

/** How this agent proves itself, and how the scheduler does. */
export interface LinkCredentials {
  /** Undefined when it cannot be kept; a scheduler that wants proof then refuses this VM. */
  readonly key: AgentKey | undefined;
  /** Reads the one-time token, while there is one. */
  readonly token: () => Promise<string | undefined>;
  /** Certificates (PEM) to be trusted besides the system's. */
  readonly trusted: string | undefined;
}

/** A key that nobody has seen for so long was perhaps copied long ago. */
const ROTATE_AFTER_MS = 30 * 24 * 3_600_000;

type Waiting = (message: Extract<SchedulerMessage, { kind: 'answer' | 'records' | 'mayLeave' }> | undefined) => void;

/** The scheduler as coordinator: one WebSocket that this side opens, keeps open and opens again. */
export class SchedulerLink implements Agreements, Coordinator {
  readonly #options: SchedulerLinkOptions;
  readonly #waiting = new Map<number, Waiting>();
  readonly #untold: Told[] = [];
  #socket: WebSocket | undefined;
  #isWelcome = false;
  /** Of this connection; what the agent signs. */
  #nonce = '';
  /** The scheduler did not accept the key: the next connection shows the token. */
  #showsToken = false;
  #nextId = 1;
  #failures = 0;
  /** Which of the addresses is in use, or is tried next. */
  #at = 0;
  #heardAtMs = 0;
  #isClosed = false;
  /** What was said of it last, so that it is said once. */
  #trouble = '';
  /** Why the scheduler refused this connection; undefined when it did not. */
  #refusal: string | undefined;
  #lastRefusal: string | undefined;
  #cancelTimer: () => void = () => {};

  constructor(options: SchedulerLinkOptions) {
    this.#options = options;
  }

  /** Connects now and again whenever the connection is lost, until `close`. */
  open(): void {
    const { log, credentials } = this.#options;
    const { trusted } = credentials;
    const url = this.#url();
    const socket = new WebSocket(agentUrl(url), {
      maxPayload: MAX_MESSAGE_BYTES,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      perMessageDeflate: false,
      headers: { 'x-forewarn': 'true' },
      ...(trusted === undefined ? {} : { ca: [...rootCertificates, trusted] }),
    });
    this.#socket = socket;
    this.#refusal = undefined;
    this.#heardAtMs = this.#options.clock.monotonic();
    let reason = 'the scheduler closed the connection';
    socket.on('open', () => {
      this.#beatLater();
    });
    socket.on('message', (data, isBinary) => {
      this.#heardAtMs = this.#options.clock.monotonic();
      if (!isBinary && Buffer.isBuffer(data)) this.#receive(data.toString('utf8'));
    });
    socket.on('pong', () => {
      this.#heardAtMs = this.#options.clock.monotonic();
    });
    socket.on('error', (error) => {
      reason = error.message;
    });
    socket.on('close', () => {
      this.#lost(reason);
    });
    log.debug({ url }, 'connecting to the scheduler');
  }

  async submit(command: Extract<AgentMessage, { kind: 'command' }>['command']): Promise<Answer | undefined> {
    const id = this.#nextId++;
    const answer = await this.#ask(id, { kind: 'command', id, command });
    return answer?.kind === 'answer' ? { outcome: answer.outcome, record: answer.record } : undefined;
  }

  async reconcile(): Promise<readonly AgreementRecord[] | undefined> {
    const id = this.#nextId++;
    const answer = await this.#ask(id, { kind: 'reconcile', id });
    return answer?.kind === 'records' ? answer.records : undefined;
  }

  async mayLeave(minimum: number): Promise<{ granted: boolean; detail: string } | undefined> {
    const id = this.#nextId++;
    const answer = await this.#ask(id, { kind: 'leave', id, minimum });
    return answer?.kind === 'mayLeave' ? { granted: answer.granted, detail: answer.detail } : undefined;
  }

  tell(message: Told): void {
    if (this.#isWelcome && this.#send(message)) return;
    this.#untold.push(message);
    if (this.#untold.length > MAX_WAITING) this.#untold.shift();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer();
    this.#socket?.terminate();
  }

  async #sayHello(nonce: string): Promise<void> {
    const { who, events, credentials } = this.#options;
    this.#nonce = nonce;
    const token = this.#showsToken ? await credentials.token() : undefined;
    const proof = credentials.key?.prove(nonce, who.identity, token);
    this.#send({
      kind: 'hello',
      protocol: PROTOCOL_VERSION,
      agentVersion: who.agentVersion,
      identity: who.identity,
      health: events.health(),
      ...(proof === undefined ? {} : { proof }),
    });
  }

  async #rotateKey(): Promise<void> {
    const { credentials, who, log } = this.#options;
    if (credentials.key === undefined || credentials.key.ageMs() < ROTATE_AFTER_MS) return;
    log.info({ vm: who.identity.name }, 'asking the scheduler to take a new key of this agent');
    this.#send({ kind: 'rotate', proof: await credentials.key.beginRotation(this.#nonce, who.identity) });
  }

  /** Whether the key holds is the scheduler's to say: another of ours may, or a token may help. */
  async #refused(message: Extract<SchedulerMessage, { kind: 'refused' }>): Promise<void> {
    const { credentials, log } = this.#options;
    this.#refusal = message.reason;
    this.#lastRefusal = message.reason;
    if (message.reason !== this.#trouble)
      log.error({ url: this.#url(), reason: message.reason }, 'the scheduler refuses this VM');
    this.#trouble = message.reason;
    if (message.isAboutKey !== true) return;
    this.#showsToken = !((await credentials.key?.tryOther()) ?? false);
  }

  async #rotated(message: Extract<SchedulerMessage, { kind: 'rotated' }>): Promise<void> {
    const { credentials, log } = this.#options;
    if (message.problem === undefined) await credentials.key?.endRotation();
    else log.warn({ reason: message.problem }, 'the scheduler did not take the new key of this agent');
  }

  /** For what is done with the key's file: a disk that fails must not end the conversation. */
  #guarded(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.#options.log.error({ reason: describeError(error) }, 'the key of this agent cannot be kept');
    });
  }

  /** Says that this VM lives, and gives the connection up when nothing was heard for too long. */
  #beatLater(): void {
    const { clock, events } = this.#options;
    this.#cancelTimer = clock.after(HEARTBEAT_MS, () => {
      if (clock.monotonic() - this.#heardAtMs > DEAD_AFTER_MS) {
        this.#socket?.terminate();
        return;
      }
      if (this.#isWelcome) this.#send({ kind: 'heartbeat', health: events.health() });
      if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.ping();
      this.#beatLater();
    });
  }

  /** Why the scheduler does not want this VM; undefined when it does, or when nobody was there to say so. */
  refusal(): string | undefined {
    return this.#lastRefusal;
  }

  /** Says at once what has changed, so that whoever waits for this VM does not wait for the next heartbeat. */
  beat(): void {
    if (this.#isWelcome) this.#send({ kind: 'heartbeat', health: this.#options.events.health() });
  }

  async #ask(id: number, message: AgentMessage): Promise<Parameters<Waiting>[0]> {
    return await new Promise((resolve) => {
      const cancel = this.#options.clock.after(ANSWER_TIMEOUT_MS, () => {
        answer(undefined);
      });
      const answer: Waiting = (message) => {
        cancel();
        this.#waiting.delete(id);
        resolve(message);
      };
      this.#waiting.set(id, answer);
      if (!this.#isWelcome || !this.#send(message)) answer(undefined);
    });
  }

  #send(message: AgentMessage): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  #receive(text: string): void {
    const { events, log } = this.#options;
    const message = parseMessage(text);
    if (message === undefined) {
      log.warn({ text: text.slice(0, 200) }, 'the scheduler sent what this agent does not understand');
      return;
    }
    switch (message.kind) {
      case 'welcome':
        this.#welcome();
        return;
      case 'challenge':
        this.#guarded(this.#sayHello(message.nonce));
        return;
      case 'refused':
        this.#guarded(this.#refused(message));
        return;
      case 'rotated':
        this.#guarded(this.#rotated(message));
        return;
      case 'answer':
      case 'records':
      case 'mayLeave':
        this.#waiting.get(message.id)?.(message);
        return;
      case 'record':
        events.record(message.record);
        return;
      case 'drain':
      case 'task':
      case 'restore':
        events.order(message);
        return;
      default:
        message satisfies never;
    }
  }

  #welcome(): void {
    const { events, log } = this.#options;
    this.#isWelcome = true;
    this.#lastRefusal = undefined;
    this.#failures = 0;
    this.#trouble = '';
    log.info({ url: this.#url() }, 'connected to the scheduler');
    events.connected();
    for (const message of this.#untold.splice(0)) this.tell(message);
    void this.#sendInventory();
    this.#showsToken = false;
    this.#guarded(this.#rotateKey());
  }

  /** Never fails: a VM whose inventory cannot be read is still a VM. */
  async #sendInventory(): Promise<void> {
    try {
      const inventory = await readInventory(this.#options.clock);
      if (this.#isWelcome) this.#send({ kind: 'inventory', inventory });
    } catch (error) {
      this.#options.log.warn({ error }, 'the inventory of this VM cannot be read');
    }
  }

  #lost(cause: string): void {
    const reason = this.#refusal ?? cause;
    this.#lastRefusal = this.#refusal;
    const { clock, random, log, events } = this.#options;
    this.#cancelTimer();
    const wasWelcome = this.#isWelcome;
    this.#isWelcome = false;
    // Each answer removes itself from the map, which iteration over a map allows.
    for (const answer of this.#waiting.values()) answer(undefined);
    if (this.#isClosed) return;
    if (wasWelcome) events.disconnected(reason);
    if (reason !== this.#trouble) log.warn({ url: this.#url(), reason }, 'no connection to the scheduler');
    this.#trouble = reason;
    this.#at++;
    // Every address is tried once before anybody waits longer.
    const round = Math.floor(this.#failures++ / this.#options.urls.length);
    this.#cancelTimer = clock.after(backoffMs(round, RECONNECT, random.fraction()), () => {
      this.open();
    });
  }

  #url(): string {
    const { urls } = this.#options;
    return urls[this.#at % urls.length] ?? '';
  }
}

function agentUrl(base: string): URL {
  const url = new URL(AGENT_PATH, base);
  url.protocol = url.protocol === 'https:' || url.protocol === 'wss:' ? 'wss:' : 'ws:';
  return url;
}

function parseMessage(text: string): SchedulerMessage | undefined {
  try {
    const parsed = schedulerMessageSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
