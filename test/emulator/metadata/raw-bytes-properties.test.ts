import type { RequestListener } from 'node:http';
import { connect, type Socket } from 'node:net';
import { duplexPair } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { seededRandom } from '../../../common/runtime/random.ts';
import { createAdmission } from '../../../emulator/metadata/admission.ts';
import { createHttpFront } from '../../../emulator/metadata/http-front.ts';
import { startMetadataServer } from '../../../emulator/metadata/metadata-server.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { EVENT_ID, hostileRequest, noise, rawRequest, type Pick } from './hostile-requests.ts';
import { metadataVm } from './support.ts';

/** What a CI run sends at least, each on a connection of its own: the whole way of a request but for the kernel's part. */
const CONNECTIONS = 100_000;
const AT_A_TIME = 100;
/** A leak of forty bytes a connection would show; what the engine and node:http keep for themselves does not. */
const ALLOWED_GROWTH_BYTES = 3 * 1024 * 1024;

/** Another one each run; a failure names it, and `FOREWARN_SEED=…` repeats the run. */
const SEED = Number(process.env['FOREWARN_SEED'] ?? Math.floor(Math.random() * 2 ** 32));

/** The service's HTTP, and its handler, which is given to the first connection. */
async function service(): Promise<{
  readonly send: (bytes: Buffer) => Promise<string>;
  readonly close: () => Promise<void>;
}> {
  const front = createHttpFront();
  let handler: RequestListener = () => {};
  const server = await startMetadataServer({
    vm: metadataVm([EVENT_ID.toUpperCase()]),
    front: {
      ...front,
      accept: (connection, onRequest) => {
        handler = onRequest;
        front.accept(connection, onRequest);
      },
    },
    address: { host: '127.0.0.1', port: 0 },
    clock: new FakeClock(),
    admission: createAdmission({ requestsPerSecond: 0, tokensPerSecond: 0, concurrentTokens: 0 }, new FakeClock()),
    past: (_fault, current) => current,
    fault: () => undefined,
  });
  await new Promise<void>((resolve) => {
    const first = connect(server.address.port, '127.0.0.1', () => {
      first.end('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    });
    first.resume();
    first.on('close', () => {
      resolve();
    });
  });
  return {
    send: async (bytes) =>
      await new Promise((resolve) => {
        const [client, connection] = duplexPair();
        const received: Buffer[] = [];
        const done = (): void => {
          connection.destroy();
          client.destroy();
          resolve(Buffer.concat(received).toString('latin1'));
        };
        client.on('data', (chunk: Buffer) => received.push(chunk));
        client.on('error', done);
        client.on('end', done);
        client.on('close', done);
        front.accept(connection as unknown as Socket, handler);
        client.end(bytes);
      }),
    close: async () => {
      await server.close();
    },
  };
}

it(`answers ${CONNECTIONS} connections of any bytes with 4xx or properly, and keeps nothing of them (seed ${SEED})`, async () => {
  const random = seededRandom(SEED);
  const pick: Pick = (below) => Math.floor(random.fraction() * below);
  const { send, close } = await service();
  const seen = new Map<string, number>();
  let heapBefore = 0;
  for (let sent = 0; sent < CONNECTIONS; sent += AT_A_TIME) {
    if (sent === CONNECTIONS / 5) heapBefore = heapInUse();
    await Promise.all(
      Array.from({ length: AT_A_TIME }, async () => {
        const bytes = pick(10) === 0 ? Buffer.from(noise(pick, 200), 'latin1') : rawRequest(hostileRequest(pick), pick);
        const received = await send(bytes);
        for (const [, status = ''] of received.matchAll(/HTTP\/1\.1 (\d{3}) /g)) {
          if (!/^(200|304|4\d\d|100)$/.test(status)) {
            expect({ sent: bytes.toString('latin1'), received, seed: SEED }).toBe('answered soundly');
          }
          seen.set(status, (seen.get(status) ?? 0) + 1);
        }
      }),
    );
  }
  expect(heapInUse() - heapBefore).toBeLessThan(ALLOWED_GROWTH_BYTES);
  // The generator must reach every kind of answer, or it proves nothing.
  for (const status of ['200', '400', '404', '405']) {
    expect(seen.get(status) ?? 0, `status ${status}`).toBeGreaterThan(1000);
  }
  const healthy = 'GET /metadata/scheduledevents?api-version=2020-07-01 HTTP/1.1\r\nHost: x\r\nMetadata: true\r\n\r\n';
  expect(await send(Buffer.from(healthy))).toContain('HTTP/1.1 200 OK');
  await close();
});

/** Bytes that are really held: after a collection, because what waits for one grows as it likes. */
function heapInUse(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  return process.memoryUsage().heapUsed;
}
