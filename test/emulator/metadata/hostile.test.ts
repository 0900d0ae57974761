import { connect, type Socket } from 'node:net';
import type { IncomingHttpHeaders } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../../common/runtime/random.ts';
import type { Answer } from '../../../emulator/metadata/answer.ts';
import { parseFleet } from '../../../emulator/fleet/load-fleet.ts';
import { parseRequestTarget } from '../../../emulator/metadata/request-target.ts';
import { respond } from '../../../emulator/metadata/respond.ts';
import { startEmulator, type Emulator } from '../../../emulator/start-emulator.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { EVENT_ID, hostileRequest, noise, rawRequest, type HostileRequest, type Pick } from './hostile-requests.ts';
import { metadataVm } from './support.ts';

/** What a CI run generates at least; those over a real socket come on top. */
const PURE_REQUESTS = 100_000;
const SOCKET_REQUESTS = 3000;
/** Sockets at a time: the descriptors of a small machine. */
const AT_A_TIME = 20;
/** A leak of forty bytes a request would show; what the engine keeps for itself does not. */
const ALLOWED_GROWTH_BYTES = 3 * 1024 * 1024;

/** Another one each run; a failure names it, and `FOREWARN_SEED=…` repeats the run. */
const SEED = Number(process.env['FOREWARN_SEED'] ?? Math.floor(Math.random() * 2 ** 32));

function picker(seed: number): Pick {
  const random = seededRandom(seed);
  return (below) => Math.floor(random.fraction() * below);
}

/** As node:http hands them over: names in lower case, repeated ones joined. */
function headersOf(request: HostileRequest): IncomingHttpHeaders {
  const headers: IncomingHttpHeaders = {};
  for (const [name, value] of request.headers) {
    const key = name.toLowerCase();
    const before = headers[key];
    headers[key] = typeof before === 'string' ? `${before}, ${value}` : value;
  }
  return headers;
}

async function answerTo(request: HostileRequest): Promise<Answer> {
  const outcome = respond(VM, {
    method: request.method,
    headers: headersOf(request),
    target: parseRequestTarget(request.target),
  });
  if (!('kind' in outcome)) return outcome;
  return outcome.kind === 'later' ? await outcome.finish() : outcome.finish(request.body);
}

const VM = metadataVm([EVENT_ID.toUpperCase()]);

/** 200 with JSON (or text that was asked for), 304 with nothing, or an error of the caller's with its reason. */
function isSound(answer: Answer): boolean {
  if (answer.status === 304) return answer.body === '';
  if (answer.headers['content-length'] !== `${Buffer.byteLength(answer.body)}`) return false;
  const isText = answer.headers['content-type']?.startsWith('text/plain') === true;
  if (answer.status === 200) return isText || answer.body === '' || typeof JSON.parse(answer.body) === 'object';
  return answer.status >= 400 && answer.status < 500 && 'error' in (JSON.parse(answer.body) as object);
}

describe(`whatever is sent (seed ${SEED})`, () => {
  it(`is answered soundly ${PURE_REQUESTS} times, and leaves nothing in memory`, async () => {
    const pick = picker(SEED);
    const seen = new Map<number, number>();
    let heapBefore = 0;
    for (let index = 0; index < PURE_REQUESTS; index++) {
      if (index === PURE_REQUESTS / 5) heapBefore = heapInUse();
      const request = hostileRequest(pick);
      const answer = await answerTo(request);
      if (!isSound(answer)) expect({ request, answer, seed: SEED }).toBe('answered soundly');
      seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1);
      VM.approved.length = 0;
    }
    expect(heapInUse() - heapBefore).toBeLessThan(ALLOWED_GROWTH_BYTES);
    // The generator must reach every kind of answer, or it proves nothing.
    for (const status of [200, 304, 400, 404, 405])
      expect(seen.get(status) ?? 0, `status ${status}`).toBeGreaterThan(50);
  });
});

/** Bytes that are really held: after a collection, because what waits for one grows as it likes. */
function heapInUse(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  return process.memoryUsage().heapUsed;
}

describe(`whatever comes over a connection (seed ${SEED})`, () => {
  let emulator: Emulator;
  let port: number;
  let eventId: string;
  beforeEach(async () => {
    emulator = await startEmulator({
      fleet: parseFleet({ file: 'fleet.yaml', text: 'control: 127.0.0.1:0\nhost: none\nvms: [{ name: db1 }]' }),
      environment: {},
      programs: { node: process.execPath, forewarn: [] },
      clock: new FakeClock(),
    });
    port = Number(new URL(emulator.vms[0]?.metadata ?? '').port);
    ({ eventId } = emulator.operations.schedule({ type: 'Reboot', resources: ['db1'] }));
  });
  afterEach(async () => {
    await emulator.close();
  });

  it(`is answered with 4xx or properly, ${SOCKET_REQUESTS} times, and the service goes on`, async () => {
    const pick = picker(SEED);
    for (let sent = 0; sent < SOCKET_REQUESTS; sent += AT_A_TIME) {
      const batch = Array.from({ length: AT_A_TIME }, () =>
        pick(10) === 0 ? noise(pick, 200) : rawRequest(hostileRequest(pick), pick).toString('latin1'),
      );
      await Promise.all(
        batch.map(async (text) => {
          // The event that there is, so that some requests do approve it.
          const bytes = Buffer.from(text.replaceAll(EVENT_ID, eventId), 'latin1');
          const answers = statusLines(await exchange(port, bytes));
          const areSound = answers.every((status) => /^(200|304|4\d\d|100)$/.test(status));
          if (!areSound) expect({ sent: text, answers, seed: SEED }).toBe('answered soundly');
        }),
      );
    }
    const healthy =
      'GET /metadata/scheduledevents?api-version=2020-07-01 HTTP/1.1\r\nHost: x\r\nMetadata: true\r\n\r\n';
    expect(statusLines(await exchange(port, Buffer.from(healthy)))).toEqual(['200']);
    expect(emulator.operations.events()).toHaveLength(1);
  });

  it.each([
    ['CONNECT', 'CONNECT metadata:80 HTTP/1.1\r\nHost: x\r\nMetadata: true\r\n\r\n', '405'],
    ['an upgrade', 'GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\nMetadata: true\r\n\r\n', '404'],
    ['a header that does not end', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, '431'],
    ['no HTTP', '\u0016\u0003\u0001\u0002\u0000\u0001', '400'],
  ])('%s gets an answer of its own', async (_what, text, status) => {
    expect(statusLines(await exchange(port, Buffer.from(text, 'latin1')))).toEqual([status]);
  });
});

/** Sends bytes, says that there are no more, and gives what came back. */
async function exchange(port: number, bytes: Buffer): Promise<string> {
  return await new Promise((resolve) => {
    const received: Buffer[] = [];
    const socket: Socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true }, () => {
      socket.end(bytes);
    });
    socket.on('data', (chunk) => received.push(chunk));
    socket.on('error', () => {
      // Reset by the service after its answer: what came before it counts.
    });
    socket.on('close', () => {
      resolve(Buffer.concat(received).toString('latin1'));
    });
  });
}

/** Statuses of the answers in what came over one connection. Bodies hold no such line. */
function statusLines(received: string): readonly string[] {
  return [...received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => match[1] ?? '');
}
