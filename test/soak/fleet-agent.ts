import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import {
  AGENT_PATH,
  PROTOCOL_VERSION,
  type AgentHealth,
  type AgentMessage,
  type SchedulerMessage,
} from '../../common/protocol/messages.ts';
import type { RandomSource } from '../../common/runtime/random.ts';
import { vmIdentity } from '../support/running-scheduler.ts';

/** Sooner than a real agent, so that a run has many turns. */
const BEAT_MS = 500;
/** A scheduler pings every 5 s; real agents have more patience. */
const SILENT_MS = 8000;
const RECONNECT_WITHIN_MS = 300;
/** A step takes an agent up to so long. */
const STEP_WITHIN_MS = 150;

type OrderOf<Kind extends SchedulerMessage['kind']> = Extract<SchedulerMessage, { kind: Kind }>;
export type AgentOrder = OrderOf<'drain'> | OrderOf<'task'> | OrderOf<'restore'>;

/** An agent reduced to what a rollout sees of it: it obeys, says how it is, and finds another replica when its own is lost. */
export class FleetAgent {
  readonly name: string;
  readonly #urls: readonly string[];
  readonly #random: RandomSource;
  readonly #obeyed: (name: string, order: AgentOrder) => void;
  readonly #out = new Set<string>();
  #socket: WebSocket | undefined;
  #at: number;
  #isClosed = false;

  constructor(
    name: string,
    from: {
      readonly urls: readonly string[];
      readonly first: number;
      readonly random: RandomSource;
      /** Called before it obeys. */
      readonly obeyed: (name: string, order: AgentOrder) => void;
    },
  ) {
    this.name = name;
    this.#urls = from.urls;
    this.#at = from.first;
    this.#random = from.random;
    this.#obeyed = from.obeyed;
  }

  get isOut(): boolean {
    return this.#out.size > 0;
  }

  /** Stays connected to one of the replicas until `close`. */
  async run(): Promise<void> {
    while (!this.#isClosed) {
      const url = this.#urls[this.#at++ % this.#urls.length] ?? '';
      await this.#converse(`${url.replace('http', 'ws')}${AGENT_PATH}`);
      await sleep(this.#random.fraction() * RECONNECT_WITHIN_MS);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#socket?.terminate();
  }

  async #converse(url: string): Promise<void> {
    const socket = new WebSocket(url, { handshakeTimeout: 2000 });
    this.#socket = socket;
    let heardMs = performance.now();
    socket.on('ping', () => {
      heardMs = performance.now();
    });
    const beat = setInterval(() => {
      if (performance.now() - heardMs > SILENT_MS) socket.terminate();
      this.#send({ kind: 'heartbeat', health: this.#health() });
    }, BEAT_MS);
    socket.on('message', (data: Buffer) => {
      this.#receive(JSON.parse(data.toString('utf8')) as SchedulerMessage);
    });
    await new Promise<void>((resolve) => {
      socket.on('error', () => {});
      socket.on('close', resolve);
    });
    clearInterval(beat);
  }

  #receive(message: SchedulerMessage): void {
    if (message.kind === 'challenge') {
      this.#send({
        kind: 'hello',
        protocol: PROTOCOL_VERSION,
        agentVersion: '0.1.0',
        identity: vmIdentity(this.name),
        health: this.#health(),
      });
    } else if (message.kind === 'drain' || message.kind === 'task' || message.kind === 'restore') {
      void this.#obey(message);
    }
  }

  async #obey(order: AgentOrder): Promise<void> {
    const { workId, attempt } = order;
    this.#obeyed(this.name, order);
    if (order.kind === 'drain') this.#out.add(workId);
    this.#send({ kind: 'heartbeat', health: this.#health() });
    await sleep(this.#random.fraction() * STEP_WITHIN_MS);
    if (order.kind === 'drain') this.#send({ kind: 'drained', workId, attempt, proven: true, detail: '' });
    if (order.kind === 'task')
      this.#send({ kind: 'taskDone', workId, attempt, ok: true, exitStatus: 0, output: '', detail: '' });
    if (order.kind !== 'restore') return;
    this.#out.delete(workId);
    this.#send({ kind: 'restored', workId, attempt, healthy: !this.isOut, detail: '' });
  }

  #health(): AgentHealth {
    return { inRotation: !this.isOut, healthy: !this.isOut, reasons: [...this.#out] };
  }

  #send(message: AgentMessage): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}
