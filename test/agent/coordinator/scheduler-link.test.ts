import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import type { CoordinatorEvents } from '../../../agent/coordinator/coordinator.ts';
import { SchedulerLink } from '../../../agent/coordinator/scheduler-link.ts';
import { AGENT_PATH, agentMessageSchema, HEARTBEAT_MS, type AgentMessage } from '../../../common/protocol/messages.ts';
import { silentLog, type LogFields } from '../../../common/runtime/log.ts';
import { seededRandom } from '../../../common/runtime/random.ts';
import { NO_CREDENTIALS } from '../../support/no-credentials.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const IDENTITY = { scope: 's', name: 'vm_0', vmId: 'v', role: '', updateDomain: '', faultDomain: '', zone: '' };
const COMMAND = { kind: 'campaign', scope: 's', eventId: 'E1', holder: 'vm_0' } as const;

/** A scheduler that says what the test makes it say. */
class Scheduler {
  readonly received: AgentMessage[] = [];
  readonly server: Server = createServer();
  readonly sockets = new WebSocketServer({ server: this.server, path: AGENT_PATH });
  socket: WebSocket | undefined;
  connections = 0;
  answers: (message: AgentMessage) => unknown = () => undefined;
  /** What a scheduler of another version says to every hello. */
  refusal: string | undefined;

  async open(): Promise<string> {
    this.sockets.on('connection', (socket) => {
      this.socket = socket;
      this.connections++;
      this.send({ kind: 'challenge', nonce: 'n' });
      socket.on('message', (data: Buffer) => {
        const message = agentMessageSchema.parse(JSON.parse(data.toString()));
        this.received.push(message);
        if (message.kind === 'hello' && this.refusal !== undefined) {
          this.send({ kind: 'refused', reason: this.refusal, surprise: true });
          socket.close(1008, this.refusal);
        } else if (message.kind === 'hello') this.send({ kind: 'welcome', protocol: 1, now: 0 });
        const answer = this.answers(message);
        if (answer !== undefined) this.send(answer);
      });
    });
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  send(message: unknown): void {
    this.socket?.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  kinds(): string[] {
    return this.received.map((message) => message.kind).filter((kind) => kind !== 'inventory');
  }

  async close(): Promise<void> {
    for (const socket of this.sockets.clients) socket.terminate();
    this.server.close();
    await once(this.server, 'close');
  }
}

describe('the link to the scheduler', () => {
  let scheduler: Scheduler;
  let clock: FakeClock;
  let link: SchedulerLink;
  let seen: string[];
  let said: { message: string; fields: LogFields }[];

  beforeEach(async () => {
    scheduler = new Scheduler();
    clock = new FakeClock();
    seen = [];
    said = [];
    const say = (fields: LogFields, message: string): void => void said.push({ message, fields });
    const events: CoordinatorEvents = {
      connected: () => void seen.push('connected'),
      disconnected: () => void seen.push('disconnected'),
      record: (record) => void seen.push(`record ${record.eventId}`),
      order: (order) => void seen.push(`${order.kind} ${order.workId}`),
      health: () => ({ inRotation: true, healthy: true, reasons: [] }),
    };
    link = new SchedulerLink({
      urls: [await scheduler.open()],
      who: { identity: IDENTITY, agentVersion: '1' },
      credentials: NO_CREDENTIALS,
      events,
      clock,
      random: seededRandom(1),
      log: { ...silentLog, warn: say, error: say },
    });
  });
  afterEach(async () => {
    link.close();
    await scheduler.close();
  });
  const connect = async (): Promise<void> => {
    link.open();
    await expect.poll(() => seen).toContain('connected');
  };

  it('says who it is, and then lives', async () => {
    await connect();
    expect(scheduler.received[0]).toMatchObject({ kind: 'hello', identity: IDENTITY });
    await clock.advance(HEARTBEAT_MS);
    await expect.poll(() => scheduler.kinds()).toEqual(['hello', 'heartbeat']);
  });

  it('brings each answer to the command that it belongs to', async () => {
    await connect();
    const held: AgentMessage[] = [];
    scheduler.answers = (message) => {
      if (message.kind === 'command') held.push(message);
      return undefined;
    };
    const [first, second] = [link.submit(COMMAND), link.submit(COMMAND)];
    await expect.poll(() => held.length).toBe(2);
    const ids = held.map((message) => ('id' in message ? message.id : -1));
    scheduler.send({ kind: 'answer', id: ids[1], outcome: { kind: 'accepted' } });
    scheduler.send({ kind: 'answer', id: ids[0], outcome: { kind: 'refused', reason: 'no-record' } });
    expect((await second)?.outcome).toEqual({ kind: 'accepted' });
    expect((await first)?.outcome).toEqual({ kind: 'refused', reason: 'no-record' });
  });

  it('does not wait for an answer for ever', async () => {
    await connect();
    const asked = link.reconcile();
    await clock.advance(1500);
    expect(await asked).toBeUndefined();
  });

  it('has no answer at once while there is no connection, or when it breaks', async () => {
    expect(await link.submit(COMMAND)).toBeUndefined();
    await connect();
    const asked = link.submit(COMMAND);
    await expect.poll(() => scheduler.kinds()).toContain('command');
    scheduler.socket?.terminate();
    expect(await asked).toBeUndefined();
    expect(seen).toContain('disconnected');
  });

  it('connects again, and tells then what happened in between', async () => {
    await connect();
    scheduler.socket?.terminate();
    await expect.poll(() => seen).toContain('disconnected');
    link.tell({ kind: 'restored', workId: 'W', attempt: 1, healthy: true, detail: '' });
    await clock.advance(1000);
    await expect.poll(() => scheduler.kinds()).toEqual(['hello', 'hello', 'restored']);
  });

  it('keeps the newest of what nobody could be told', async () => {
    for (let index = 0; index < 600; index++)
      link.tell({ kind: 'activity', activity: { kind: 'event.seen', atMs: index, detail: '' } });
    await connect();
    await expect.poll(() => scheduler.kinds().length).toBe(501);
    expect(scheduler.received.find((message) => message.kind === 'activity')).toMatchObject({
      activity: { atMs: 100 },
    });
  });

  it('passes on orders and records, and is not disturbed by what it does not understand', async () => {
    await connect();
    for (const odd of ['not json', '{"kind":"dance"}', { kind: 'task', workId: 'W', task: '../x' }])
      scheduler.send(odd);
    scheduler.send({ kind: 'drain', workId: 'W', attempt: 1, reason: 'patch', untilMs: 5 });
    const record = {
      scope: 's',
      eventId: 'E1',
      eventType: 'Reboot',
      phase: 'preparing',
      hash: 'h',
      resources: ['vm_0'],
    };
    scheduler.send({ kind: 'record', record: { ...record, everIntent: false, term: 0, members: {} } });
    await expect.poll(() => seen).toEqual(['connected', 'drain W', 'record E1']);
  });

  it('gives a connection up on which nothing is heard any more', async () => {
    await connect();
    scheduler.sockets.clients.forEach((socket) => socket.pause());
    await clock.advance(4 * HEARTBEAT_MS);
    await expect.poll(() => seen).toContain('disconnected');
  });

  it('says once why a scheduler refuses it, however often it tries again, and has no answers then', async () => {
    scheduler.refusal = 'this scheduler speaks protocol 5, the agent 4; install the same version of both';
    link.open();
    await expect.poll(() => said.length).toBe(1);
    while (scheduler.connections < 4) {
      await clock.advance(1000);
      // The connection is made and refused in real time.
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(said.map(({ message, fields }) => [message, fields['reason']])).toEqual([
      ['the scheduler refuses this VM', scheduler.refusal],
    ]);
    expect(await link.submit(COMMAND)).toBeUndefined();
    expect(seen).toEqual([]);
    expect(link.refusal()).toBe(scheduler.refusal);
    scheduler.refusal = undefined;
    await expect
      .poll(async () => {
        await clock.advance(1000);
        return seen;
      })
      .toContain('connected');
    expect(link.refusal()).toBeUndefined();
  });
});
