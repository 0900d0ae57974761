import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseFleet } from '../../../emulator/fleet/load-fleet.ts';
import { startEmulator, type Emulator } from '../../../emulator/start-emulator.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/*
 * What clients that know only Azure put on the wire: the samples of the documentation over the years, and agents that are in
 * use. Each asks, sees the event of its VM, and approves it in its own way. Bytes rather than a client library, because the
 * differences are in the bytes: header names, Content-Type, the incarnation, the path's case, the version of the POST.
 */

let emulator: Emulator;
beforeEach(async () => {
  emulator = await startEmulator({
    fleet: parseFleet({
      file: 'fleet.yaml',
      text: 'control: 127.0.0.1:0\nhost: none\nimpact: { rebootAtLeast: 5s }\nvms: [{ name: mysrv }]',
    }),
    environment: {},
    programs: { node: process.execPath, forewarn: [] },
    clock: new FakeClock(),
  });
});
afterEach(async () => {
  await emulator.close();
});

interface Received {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Sends one request as it stands and reads until the connection ends. */
async function send(lines: readonly string[], body = ''): Promise<Received> {
  const { port } = new URL(emulator.vms[0]?.metadata ?? '');
  const text = await new Promise<string>((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect({ host: '127.0.0.1', port: Number(port), allowHalfOpen: true }, () => {
      socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
    });
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('close', () => {
      resolve(Buffer.concat(chunks).toString());
    });
  });
  // What was sent before the answer proper, when the client asked to be told to go on.
  const last = text.lastIndexOf('HTTP/1.1 ');
  const end = text.indexOf('\r\n\r\n', last);
  return { status: Number(text.slice(last + 9, last + 12)), head: text.slice(last, end), body: text.slice(end + 4) };
}

interface Flow {
  readonly version: string;
  /** Version of the POST, when it is another. */
  readonly postVersion?: string;
  readonly path?: string;
  readonly headers: readonly string[];
  /** Instead of `headers`, on the POST. */
  readonly postHeaders?: readonly string[];
  /** How this client knows its VM among the resources. */
  readonly resource?: string;
}

/** Whether the approval names the document's incarnation: 2017's samples did, today's do not. */
interface Case extends Flow {
  readonly withIncarnation: boolean;
}

const HOST = 'Host: 169.254.169.254';
const FORM = 'Content-Type: application/x-www-form-urlencoded';

const FLOWS: Readonly<Record<string, Flow>> = {
  // The three samples of the preview's documentation (early 2017), request for request. The version is the preview's, whose IaaS
  // resources carry an underscore. Its Python sample asks and handles, and approves nothing: the documentation's curl does.
  'PowerShell, documentation of the preview': {
    version: '2017-03-01',
    headers: [
      'Metadata: true',
      'User-Agent: Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1',
      HOST,
      'Connection: Keep-Alive',
    ],
    postHeaders: ['Metadata: true', FORM, HOST, 'Expect: 100-continue'],
    resource: '_mysrv',
  },
  'C#, documentation of the preview, which approves without the header': {
    version: '2017-03-01',
    headers: ['Metadata: true', HOST, 'Connection: Keep-Alive'],
    postHeaders: ['Content-Type: application/json', HOST, 'Expect: 100-continue'],
    resource: '_mysrv',
  },
  'Python 2, documentation of the preview, and its curl': {
    version: '2017-03-01',
    headers: [
      'Accept-Encoding: identity',
      HOST,
      'Connection: close',
      'Metadata: true',
      'User-Agent: Python-urllib/2.7',
    ],
    postHeaders: [HOST, 'User-Agent: curl/7.47.0', 'Accept: */*', 'Metadata:true', FORM],
    resource: '_mysrv',
  },
  'PowerShell, 2017': {
    version: '2017-08-01',
    headers: [
      'Metadata: true',
      'User-Agent: Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1',
      HOST,
    ],
    postHeaders: ['Metadata: true', FORM, HOST, 'Expect: 100-continue', 'Connection: Keep-Alive'],
  },
  'C#, 2017, with the path in another case': {
    version: '2017-08-01',
    path: '/metadata/scheduledEvents',
    headers: ['Metadata: true', HOST, 'Connection: Keep-Alive'],
  },
  'Python 2, 2017, urllib2': {
    version: '2017-08-01',
    headers: [
      'Accept-Encoding: identity',
      HOST,
      'Metadata: true',
      'Connection: close',
      'User-Agent: Python-urllib/2.7',
    ],
    postHeaders: ['Accept-Encoding: identity', FORM, HOST, 'Metadata: true', 'Connection: close'],
  },
  'Python, central logging, which approves without the header': {
    version: '2017-03-01',
    headers: [HOST, 'Metadata: true', 'Connection: close'],
    postHeaders: [HOST, FORM, 'Connection: close'],
    resource: '_mysrv',
  },
  'Python 3, current documentation, requests without a Content-Type': {
    version: '2020-07-01',
    headers: [
      HOST,
      'User-Agent: python-requests/2.32.0',
      'Accept-Encoding: gzip, deflate',
      'Accept: */*',
      'Metadata: true',
    ],
  },
  'curl, current documentation': {
    version: '2020-07-01',
    headers: [HOST, 'User-Agent: curl/8.0', 'Accept: */*', 'Metadata:true'],
    postHeaders: [HOST, 'User-Agent: curl/8.0', 'Accept: */*', 'Metadata:true', FORM],
  },
  'azure-events-az, which approves in another version': {
    version: '2020-07-01',
    postVersion: '2019-08-01',
    headers: ['Accept-Encoding: identity', HOST, 'Metadata: true', 'Connection: close'],
    postHeaders: ['Accept-Encoding: identity', FORM, HOST, 'Metadata: true', 'Connection: close'],
  },
  'a Go agent through a proxy setting, absolute target': {
    version: '2019-08-01',
    path: 'http://169.254.169.254/metadata/scheduledevents',
    headers: [HOST, 'User-Agent: Go-http-client/1.1', 'Metadata: True', 'Accept-Encoding: gzip'],
    postHeaders: [HOST, 'User-Agent: Go-http-client/1.1', 'Metadata: True', 'Content-Type: application/json'],
  },
};

/** Each client both ways. */
const CASES = Object.entries(FLOWS).flatMap(([name, flow]) =>
  [true, false].map((withIncarnation): [string, string, Case] => [
    name,
    withIncarnation ? 'with the incarnation' : 'without',
    { ...flow, withIncarnation },
  ]),
);

describe('a client that knows only Azure', () => {
  it.each(CASES)('asks, sees its event and approves it: %s, %s', async (_name, _with, flow) => {
    const path = flow.path ?? '/metadata/scheduledevents';
    const get = async (): Promise<Received> =>
      await send([`GET ${path}?api-version=${flow.version} HTTP/1.1`, ...flow.headers]);
    const quiet = await get();
    expect(quiet).toMatchObject({ status: 200, body: '{"DocumentIncarnation":1,"Events":[]}' });
    emulator.operations.schedule({ type: 'Reboot', resources: ['mysrv'] });

    const seen = JSON.parse((await get()).body) as {
      DocumentIncarnation: number;
      Events: { EventId: string; EventStatus: string; Resources: string[]; NotBefore: string }[];
    };
    expect(seen.Events).toHaveLength(1);
    const [event] = seen.Events;
    expect(event).toMatchObject({ EventStatus: 'Scheduled', Resources: [flow.resource ?? 'mysrv'] });
    expect(event?.NotBefore).toBe('Fri, 20 Nov 2026 12:15:00 GMT');

    const body = JSON.stringify({
      ...(flow.withIncarnation ? { DocumentIncarnation: `${seen.DocumentIncarnation}` } : {}),
      StartRequests: [{ EventId: event?.EventId }],
    });
    const approval = await send(
      [
        `POST ${path}?api-version=${flow.postVersion ?? flow.version} HTTP/1.1`,
        ...(flow.postHeaders ?? flow.headers),
        `Content-Length: ${Buffer.byteLength(body)}`,
      ],
      body,
    );
    expect(approval).toMatchObject({ status: 200, body: '' });
    expect(JSON.parse((await get()).body)).toMatchObject({ Events: [{ EventStatus: 'Started', NotBefore: '' }] });
  });

  it('polls with the entity tag, as the sample in Node does, and sends it with the approval too', async () => {
    const get = async (tag: string): Promise<Received> =>
      await send([
        'GET /metadata/scheduledevents?api-version=2020-07-01 HTTP/1.1',
        HOST,
        'Metadata: true',
        `If-None-Match: ${tag}`,
      ]);
    const tagOf = ({ head }: Received): string => /^etag: (.*)$/im.exec(head)?.[1]?.trim() ?? '';
    const first = await get('0');
    expect(first.status).toBe(200);
    expect(await get(tagOf(first))).toMatchObject({ status: 304, body: '' });
    const { eventId } = emulator.operations.schedule({ type: 'Reboot', resources: ['mysrv'] });
    const changed = await get(tagOf(first));
    expect(changed.status).toBe(200);
    const body = JSON.stringify({ StartRequests: [{ EventId: eventId.toLowerCase() }] });
    const approval = await send(
      [
        'POST /metadata/scheduledevents?api-version=2020-07-01 HTTP/1.1',
        HOST,
        'Metadata: true',
        `If-None-Match: ${tagOf(changed)}`,
        'Content-Type: application/json',
        `Content-Length: ${body.length}`,
      ],
      body,
    );
    expect(approval.status).toBe(200);
    expect((await get(tagOf(changed))).status).toBe(200);
  });

  it('finds its own name by the leaf, as agents do', async () => {
    const name = await send([
      'GET /metadata/instance/compute/name?api-version=2019-06-01&format=text HTTP/1.1',
      HOST,
      'Metadata: true',
    ]);
    expect(name).toMatchObject({ status: 200, body: 'mysrv' });
  });

  it('falls back to a version that the error names, as cloud-init does', async () => {
    const refused = await send([
      'GET /metadata/instance?api-version=2099-01-01&extended=true HTTP/1.1',
      HOST,
      'Metadata: true',
    ]);
    expect(refused.status).toBe(400);
    const [newest = ''] = (JSON.parse(refused.body) as { 'newest-versions': string[] })['newest-versions'];
    const again = await send([
      `GET /metadata/instance/?api-version=${newest}&extended=true HTTP/1.1`,
      HOST,
      'Metadata: true',
    ]);
    expect(again.status).toBe(200);
  });
});
