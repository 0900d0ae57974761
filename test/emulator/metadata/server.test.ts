import { request, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_LATENCY_MS, FAULT_KINDS, type Fault, type FaultKind } from '../../../emulator/faults.ts';
import { createAdmission } from '../../../emulator/metadata/admission.ts';
import { createHttpFront } from '../../../emulator/metadata/http-front.ts';
import { startMetadataServer, type MetadataServer } from '../../../emulator/metadata/metadata-server.ts';
import { MAX_APPROVAL_BYTES } from '../../../emulator/metadata/scheduled-events.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { metadataVm } from './support.ts';
import { apply, EVENT_ID, platform, scheduled, START_MS } from '../support.ts';

const PATH = '/metadata/scheduledevents?api-version=2020-07-01';
const clock = new FakeClock();
const scope = apply(
  platform(),
  START_MS,
  { kind: 'enable', vm: 'web1' },
  scheduled('Reboot', ['web1']),
).state.scopes.get('set');
let fault: Fault | undefined;
let approved: string[];
/** Called for every request that arrives. */
let onFault = (): void => {};
let server: MetadataServer;

beforeEach(async () => {
  fault = undefined;
  approved = [];
  server = await startMetadataServer({
    vm: metadataVm([], {
      scope: () => {
        if (scope === undefined) throw new Error('the platform of these tests has no such scope');
        return scope;
      },
      approve: (eventIds) => {
        approved.push(...eventIds);
        return true;
      },
    }),
    front: createHttpFront(),
    address: { host: '127.0.0.1', port: 0 },
    clock,
    admission: createAdmission({ requestsPerSecond: 0, tokensPerSecond: 0, concurrentTokens: 0 }, clock),
    past: (_fault, current) => current,
    fault: () => {
      onFault();
      return fault;
    },
  });
});

afterEach(async () => {
  await server.close();
});

interface Received {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

async function ask(method = 'GET', body?: string): Promise<Received> {
  return await new Promise((resolve, reject) => {
    const outgoing = request(
      { host: '127.0.0.1', port: server.address.port, path: PATH, method, agent: false, headers: { Metadata: 'true' } },
      (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('error', reject);
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

function set(kind: FaultKind): void {
  fault = { kind, vm: undefined, latencyMs: DEFAULT_LATENCY_MS, untilMs: undefined };
}

describe('the metadata service of a VM', () => {
  it('sends the document as JSON with its length and its tag', async () => {
    const { status, headers, body } = await ask();
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      etag: '"2"',
      'content-length': `${Buffer.byteLength(body)}`,
    });
    expect(JSON.parse(body)).toMatchObject({ DocumentIncarnation: 2, Events: [{ EventId: EVENT_ID }] });
  });

  it('takes an approval', async () => {
    expect(await ask('POST', `{"StartRequests":[{"EventId":"${EVENT_ID}"}]}`)).toMatchObject({ status: 200, body: '' });
    expect(approved).toEqual([EVENT_ID]);
  });

  it('refuses a body that is longer than any approval, and approves nothing', async () => {
    const body = `{"StartRequests":[{"EventId":"${EVENT_ID}"}],"x":"${'x'.repeat(MAX_APPROVAL_BYTES)}"}`;
    expect((await ask('POST', body)).status).toBe(413);
    expect(approved).toEqual([]);
  });

  it('answers what is no HTTP with 400 and lives on', async () => {
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(server.address.port, '127.0.0.1', () => socket.end('nonsense\r\n\r\n'));
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      socket.on('close', () => {
        resolve(text);
      });
    });
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect((await ask()).status).toBe(200);
  });
});

describe('a fault', () => {
  it.each([
    ['error-404', 404],
    ['error-410', 410],
    ['error-429', 429],
    ['error-500', 500],
  ] as const)('%s answers with that status', async (kind, status) => {
    set(kind);
    expect((await ask()).status).toBe(status);
  });

  it('drop closes the connection without an answer', async () => {
    set('drop');
    await expect(ask()).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('truncate sends half of the promised bytes', async () => {
    set('truncate');
    await expect(ask()).rejects.toMatchObject({ code: 'ECONNRESET', message: 'aborted' });
  });

  it('wrong-type sends JSON of other types, not-json a page', async () => {
    set('wrong-type');
    expect(typeof (JSON.parse((await ask()).body) as { Events: unknown }).Events).toBe('string');
    set('not-json');
    expect((await ask()).body).toMatch(/^<!DOCTYPE html>/);
  });

  it('empty-document denies the events that there are', async () => {
    set('empty-document');
    expect((await ask()).body).toBe('{"DocumentIncarnation":2,"Events":[]}');
  });

  it('latency answers, but late', async () => {
    set('latency');
    let isAnswered = false;
    const hasArrived = Promise.withResolvers<void>();
    onFault = hasArrived.resolve;
    const answer = ask().then((received) => {
      isAnswered = true;
      return received;
    });
    await hasArrived.promise;
    await clock.advance(DEFAULT_LATENCY_MS - 1);
    expect(isAnswered).toBe(false);
    await clock.advance(1);
    expect((await answer).status).toBe(200);
  });

  it('unreachable refuses connections, and the same port answers again afterwards', async () => {
    await server.setReachable(false);
    await expect(ask()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await server.setReachable(true);
    expect((await ask()).status).toBe(200);
  });

  /** What keeps a client waiting: each has a test of its own. */
  const UNANSWERED: readonly FaultKind[] = ['latency', 'hang', 'stall'];

  it('of every kind leaves the service working once it is over', async () => {
    for (const kind of FAULT_KINDS.filter((kind) => !UNANSWERED.includes(kind))) {
      set(kind);
      await ask().catch(() => undefined);
      fault = undefined;
      expect((await ask()).status).toBe(200);
    }
  });
});
