import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';

/** Without a balancer (it is being restarted) clients try again for so long. */
const PATIENCE_MS = 10_000;
const RETRY_MS = 20;

/** Answers that a client with a cookie takes before it comes as somebody new. */
const VISIT = 60;

/** Messages of a WebSocket before its client leaves and comes back, so that there are always some at each server. */
const MESSAGES = 100;

export interface LoadResult {
  readonly requests: number;
  readonly webSocketMessages: number;
  /** WebSockets that were ended and opened again. */
  readonly reconnects: number;
  /** What a client that follows HTTP saw fail, one line each. */
  readonly failures: readonly string[];
  /** Requests under way when the balancer was killed, which no client may send again by itself (RFC 9110, 9.2.2). */
  readonly lostWithBalancer: number;
}

export interface Load {
  /** Set while the balancer itself is away, which is not the drain's doing. */
  balancerIsAway(value: boolean): void;
  stop(): Promise<LoadResult>;
}

/** Clients of a balancer on `port`: kept connections, cookies, slow posts and WebSockets, all of them without a pause to speak of. */
export function startLoad(port: number): Load {
  const state = {
    isStopped: false,
    isAway: false,
    awayUntil: 0,
    requests: 0,
    messages: 0,
    reconnects: 0,
    lost: 0,
    failures: [] as string[],
  };
  const wasAway = (): boolean => state.isAway || performance.now() < state.awayUntil;
  const startedMs = performance.now();
  const agents: Agent[] = [];
  const newAgent = (): Agent => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    agents.push(agent);
    return agent;
  };

  const fetchOnce = async (options: { agent: Agent; method: string; path: string; cookie: string }): Promise<Answer> =>
    await new Promise((resolve) => {
      const { agent, method, cookie } = options;
      const outgoing = request(
        { port, host: '127.0.0.1', agent, method, path: options.path, headers: cookie === '' ? {} : { cookie } },
        (response) => {
          response.resume();
          response.on('error', (error) => {
            resolve({ status: 0, error: error.message, mayRetry: false, setCookie: '' });
          });
          response.on('end', () => {
            const setCookie = response.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
            resolve({ status: response.statusCode ?? 0, error: '', mayRetry: false, setCookie });
          });
        },
      );
      outgoing.setTimeout(PATIENCE_MS, () => outgoing.destroy(new Error('no answer in time')));
      outgoing.on('error', (error) => {
        // A server may end a kept connection at any moment; what was sent on it then is sent again (RFC 9112, 9.3.1).
        const mayRetry = method === 'GET' && outgoing.reusedSocket;
        resolve({ status: 0, error: error.message, mayRetry, setCookie: '' });
      });
      outgoing.end(method === 'POST' ? 'order' : undefined);
    });

  const send = async (options: { agent: Agent; method: string; path: string; cookie: string }): Promise<string> => {
    const began = performance.now();
    for (;;) {
      const answer = await fetchOnce(options);
      state.requests++;
      if (answer.status === 200) return answer.setCookie;
      const inTime = performance.now() - began < PATIENCE_MS;
      if (wasAway() && inTime) {
        if (options.method === 'POST' && answer.error !== 'connect ECONNREFUSED 127.0.0.1:' + String(port))
          state.lost++;
        await sleep(RETRY_MS);
        continue;
      }
      if (answer.mayRetry && inTime) continue;
      state.failures.push(
        `after ${Math.round(performance.now() - startedMs)} ms: ${options.method} ${options.path}: status ${answer.status} ${answer.error}`,
      );
      return '';
    }
  };

  const keepAlive = async (): Promise<void> => {
    const agent = newAgent();
    while (!state.isStopped) {
      await send({ agent, method: 'GET', path: '/', cookie: '' });
      await sleep(10);
    }
  };
  const withCookie = async (): Promise<void> => {
    const agent = newAgent();
    let cookie = '';
    for (let count = 0; !state.isStopped; count++) {
      if (count % VISIT === 0) cookie = '';
      const set = await send({ agent, method: 'GET', path: '/basket', cookie });
      if (set !== '') cookie = set;
      await sleep(15);
    }
  };
  const slowPosts = async (): Promise<void> => {
    const agent = newAgent();
    while (!state.isStopped) await send({ agent, method: 'POST', path: '/slow', cookie: '' });
  };
  const webSocket = async (): Promise<void> => {
    let failingSince = 0;
    while (!state.isStopped) {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/live`);
      const isOpen = await opened(socket);
      if (!isOpen) {
        failingSince = failingSince === 0 ? performance.now() : failingSince;
        if (!wasAway() || performance.now() - failingSince > PATIENCE_MS)
          state.failures.push('a WebSocket could not be opened');
        await sleep(RETRY_MS);
        continue;
      }
      failingSince = 0;
      state.reconnects++;
      for (let count = 0; count < MESSAGES && !state.isStopped && socket.readyState === WebSocket.OPEN; count++) {
        socket.send('tick');
        state.messages++;
        await sleep(20);
      }
      socket.terminate();
    }
  };
  const running = [
    ...Array.from({ length: 6 }, keepAlive),
    ...Array.from({ length: 6 }, withCookie),
    ...Array.from({ length: 2 }, slowPosts),
    ...Array.from({ length: 4 }, webSocket),
  ];
  return {
    balancerIsAway: (value) => {
      state.isAway = value;
      // What was under way when it went is told only a moment after it is back.
      if (!value) state.awayUntil = performance.now() + 500;
    },
    stop: async () => {
      state.isStopped = true;
      await Promise.all(running);
      for (const agent of agents) agent.destroy();
      return {
        requests: state.requests,
        webSocketMessages: state.messages,
        reconnects: state.reconnects,
        failures: state.failures,
        lostWithBalancer: state.lost,
      };
    },
  };
}

interface Answer {
  readonly status: number;
  readonly error: string;
  /** True when the rules of HTTP let a client send the same again by itself. */
  readonly mayRetry: boolean;
  readonly setCookie: string;
}

async function opened(socket: WebSocket): Promise<boolean> {
  try {
    socket.on('error', () => {});
    await once(socket, 'open');
    return true;
  } catch {
    return false;
  }
}
