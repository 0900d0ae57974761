import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import type { AgreementCommand } from '../../common/agreement/command.ts';
import {
  AGENT_PATH,
  PROTOCOL_VERSION,
  type AgentMessage,
  type SchedulerMessage,
  type VmIdentity,
} from '../../common/protocol/messages.ts';
import { systemClock, type Clock } from '../../common/runtime/clock.ts';
import { silentLog } from '../../common/runtime/log.ts';
import { startScheduler, type Scheduler } from '../../scheduler/main.ts';
import type { SchedulerSettings } from '../../scheduler/settings.ts';

export interface RunningScheduler {
  readonly scheduler: Scheduler;
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
}

/** The whole scheduler in this process, on a free port; closed when the running test is over. */
export async function runningScheduler(change: Partial<SchedulerSettings> = {}): Promise<RunningScheduler> {
  const running = await openScheduler(change);
  onTestFinished(async () => {
    await running.scheduler.close();
  });
  return running;
}

/** The same, closed by the caller: for one that many tests share. */
export async function openScheduler(
  change: Partial<SchedulerSettings> = {},
  clock: Clock = systemClock,
): Promise<RunningScheduler> {
  const scheduler = await startScheduler(
    {
      listen: { host: '127.0.0.1', port: 0 },
      store: { kind: 'sqlite', file: ':memory:' },
      replica: { name: 'test', region: undefined },
      allowPrivate: true,
      hosts: new Set(),
      unmanaged: new Set(),
      enrolmentRequired: false,
      logLevel: 'silent',
      ...change,
    },
    silentLog,
    clock,
  );
  return { scheduler, url: `http://127.0.0.1:${scheduler.listening.port}` };
}

export function vmIdentity(name: string, change: Partial<VmIdentity> = {}): VmIdentity {
  return {
    scope: 'shop',
    name,
    vmId: `id-of-${name}`,
    role: 'FrontEnd',
    updateDomain: '0',
    faultDomain: '0',
    zone: '',
    ...change,
  };
}

export const IN_SERVICE = { inRotation: true, healthy: true, reasons: [] };

/** Longest a test waits for a message: below the time-out of a test, and long enough for a machine that does much else. */
const MESSAGE_DEADLINE_MS = 8000;

/** An agent reduced to its connection: sends what the test says, and remembers what it is sent. */
export class FakeAgent {
  readonly socket: WebSocket;
  readonly received: SchedulerMessage[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  #arrived: () => void = () => {};
  #nextId = 1;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer) => {
      this.received.push(JSON.parse(data.toString('utf8')) as SchedulerMessage);
      this.#arrived();
    });
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        resolve({ code, reason: reason.toString() });
      });
    });
  }

  /** Connects without saying hello. */
  static async connect(url: string, headers: Record<string, string> = {}): Promise<FakeAgent> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}${AGENT_PATH}`, { headers });
    const agent = new FakeAgent(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    onTestFinished(() => {
      socket.terminate();
    });
    return agent;
  }

  /** Connects, says hello and waits for the welcome. */
  static async join(url: string, identity: VmIdentity): Promise<FakeAgent> {
    const agent = await FakeAgent.connect(url);
    await agent.next('challenge');
    agent.hello(identity);
    await agent.next('welcome');
    return agent;
  }

  hello(identity: VmIdentity, protocol = PROTOCOL_VERSION): void {
    this.send({ kind: 'hello', protocol, agentVersion: '0.1.0', identity, health: IN_SERVICE });
  }

  send(message: AgentMessage): void {
    this.socket.send(JSON.stringify(message));
  }

  /** The next message of this kind that the test has not taken yet. */
  async next<Kind extends SchedulerMessage['kind']>(kind: Kind): Promise<Extract<SchedulerMessage, { kind: Kind }>> {
    const deadlineMs = performance.now() + MESSAGE_DEADLINE_MS;
    for (;;) {
      const index = this.received.findIndex((message) => message.kind === kind);
      const [found] = index < 0 ? [] : this.received.splice(index, 1);
      if (found !== undefined) return found as Extract<SchedulerMessage, { kind: Kind }>;
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) throw new Error(`no message ${kind}; there are ${JSON.stringify(this.received)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#arrived = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Sends a command and waits for its answer. */
  async command(command: AgreementCommand): Promise<Extract<SchedulerMessage, { kind: 'answer' }>> {
    const id = this.#nextId++;
    this.send({ kind: 'command', id, command } as AgentMessage);
    for (;;) {
      const answer = await this.next('answer');
      if (answer.id === id) return answer;
    }
  }
}

/** Asks until the answer is as wanted, with a deadline; for what happens in another part of the program. */
export async function eventually<Result>(
  ask: () => Promise<Result>,
  isWanted: (result: Result) => boolean,
): Promise<Result> {
  const deadlineMs = performance.now() + MESSAGE_DEADLINE_MS;
  for (;;) {
    const result = await ask();
    if (isWanted(result)) return result;
    if (performance.now() > deadlineMs) throw new Error(`still not as wanted: ${JSON.stringify(result)}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
}
