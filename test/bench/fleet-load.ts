import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface FleetLoad {
  readonly latenciesMs: readonly number[];
  /** Processor time of the server for one answer. */
  readonly serverMicrosPerGet: number;
  /** Share of one processor that the server, and this process, took. */
  readonly serverShare: number;
  readonly ownShare: number;
  readonly residentBytes: number;
}

/** Requests are sent in bunches this often, so that they are spread over the second as those of a real fleet are. */
const TICK_MS = 10;
/** Kernel ticks a second in /proc/PID/stat; 100 on every Linux that matters. */
const KERNEL_TICKS = 100;

/**
 * Opens a kept connection to each address (one may be named several times) and asks over them in turn, `perSecond` in all.
 * Latency is from the write of the request to the whole answer.
 */
export async function loadFleet(options: {
  readonly serverPid: number;
  readonly metadata: readonly string[];
  readonly perSecond: number;
  readonly seconds: number;
}): Promise<FleetLoad> {
  const clients = await connectAll(options.metadata);
  await sleep(1000);
  const latenciesMs: number[] = [];
  for (const client of clients) client.onAnswer = (ms) => latenciesMs.push(ms);
  const before = { server: serverSeconds(options.serverPid), own: process.cpuUsage(), atMs: performance.now() };
  let sent = 0;
  while (performance.now() - before.atMs < options.seconds * 1000) {
    const due = Math.floor(((performance.now() - before.atMs) / 1000) * options.perSecond);
    while (sent < due) {
      clients[sent % clients.length]?.ask();
      sent += 1;
    }
    await sleep(TICK_MS);
  }
  await sleep(500);
  const seconds = (performance.now() - before.atMs) / 1000;
  const server = serverSeconds(options.serverPid) - before.server;
  const own = process.cpuUsage(before.own);
  const residentBytes =
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${options.serverPid}/status`, 'utf8'))?.[1]) * 1024;
  for (const client of clients) client.close();
  return {
    latenciesMs,
    serverMicrosPerGet: (server * 1e6) / latenciesMs.length,
    serverShare: server / seconds,
    ownShare: (own.user + own.system) / 1e6 / seconds,
    residentBytes,
  };
}

/** Processor seconds, user and system, that a process has used. */
function serverSeconds(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / KERNEL_TICKS;
}

interface Client {
  ask(): void;
  onAnswer: (ms: number) => void;
  close(): void;
}

async function connectAll(metadata: readonly string[]): Promise<readonly Client[]> {
  const clients: Client[] = [];
  // In portions: thousands of connections at one instant would test the backlog and not the service.
  for (let index = 0; index < metadata.length; index += 200)
    clients.push(...(await Promise.all(metadata.slice(index, index + 200).map(openClient))));
  return clients;
}

/** One VM: a kept connection, its requests one behind the other. */
async function openClient(address: string): Promise<Client> {
  const url = new URL(address);
  const request = `GET /metadata/scheduledevents?api-version=2020-07-01 HTTP/1.1\r\nHost: ${url.host}\r\nMetadata: true\r\n\r\n`;
  const socket = await new Promise<Socket>((resolve, reject) => {
    const opened = connect({ host: url.hostname, port: Number(url.port), noDelay: true }, () => {
      resolve(opened);
    });
    opened.on('error', reject);
  });
  socket.setEncoding('latin1');
  const askedMs: number[] = [];
  let pending = '';
  const client: Client = {
    ask: () => {
      askedMs.push(performance.now());
      socket.write(request);
    },
    onAnswer: () => {},
    close: () => socket.destroy(),
  };
  socket.on('data', (chunk: string) => {
    pending += chunk;
    for (let end = answerEnd(pending); end !== undefined; end = answerEnd(pending)) {
      pending = pending.slice(end);
      client.onAnswer(performance.now() - (askedMs.shift() ?? Number.NaN));
    }
  });
  // The first answer enables the scope; from then on the document does not change.
  client.ask();
  return client;
}

/** Where the first whole answer in `text` ends, or undefined. */
function answerEnd(text: string): number | undefined {
  const head = text.indexOf('\r\n\r\n');
  if (head < 0) return undefined;
  if (!text.startsWith('HTTP/1.1 200')) throw new Error(`unexpected answer: ${text.slice(0, 200)}`);
  const end = head + 4 + Number(/content-length: (\d+)/i.exec(text)?.[1]);
  return text.length >= end ? end : undefined;
}
