// The shop's web application, as small as an application can be that can be taken out of service without losing a request.
//
//   GET  /         who answers: {"vm", "pid", "boot", "version", "found"}
//   POST /orders   puts an order into the queue: 202 {"id"}
//   GET  /healthz  200 while it can serve
//   GET  /clock    the largest gap this process has seen in its own clock: {"pid", "gapMs", "endedAtMs"}
//
// Being drained takes three things of a web application. It asks its clients to close the connections they keep (below, while
// the file "draining" lies on the disk), because a balancer that works on connections cannot move one that is open. It closes
// those that nobody uses, because a client that says nothing cannot be asked. And otherwise it never closes a kept connection
// by itself, because a client might be sending its next request down it at that very moment.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import path from 'node:path';

const {
  FOREWARN_VM_ADDRESS: address = '127.0.0.1',
  FOREWARN_VM_PORT_HTTP: port,
  FOREWARN_VM_DISK: disk,
  FOREWARN_VM_TEMP: temporary,
  QUEUE_URL: queueUrl,
} = process.env;
const vm = process.env.FOREWARN_VM_NAME ?? 'a VM without a name';
const boot = Number(process.env.FOREWARN_VM_BOOT ?? 1);

for (const [name, value] of Object.entries({
  FOREWARN_VM_PORT_HTTP: port,
  FOREWARN_VM_DISK: disk,
  FOREWARN_VM_TEMP: temporary,
  QUEUE_URL: queueUrl,
})) {
  if (value === undefined || value === '') {
    process.stderr.write(`front-end: expected ${name} in the environment, found none (the emulator sets it)\n`);
    process.exit(2);
  }
}

/** Longest order that is read. An order of this shop is a few dozen bytes. */
const MAX_ORDER_BYTES = 16 * 1024;
/** The queue is on the same machine; slower than this means that it is broken. */
const QUEUE_TIMEOUT_MS = 5000;

/** A connection without a request for this long is idle: while this VM is drained, it is closed. */
const IDLE_MS = 2000;

const drainingFile = path.join(disk, 'draining');
const versionFile = path.join(disk, 'version');
const found = leaveMarks();
const clock = watchClock();

const server = createServer((incoming, outgoing) => {
  // Looked up for every answer: once the hook that wrote the file has ended, no answer invites to keep a connection.
  if (existsSync(drainingFile)) outgoing.setHeader('connection', 'close');
  const route = `${incoming.method} ${incoming.url}`;
  if (route === 'GET /') answer(outgoing, 200, { vm, pid: process.pid, boot, version: installedVersion(), found });
  else if (route === 'GET /healthz') answer(outgoing, 200, { ok: true });
  else if (route === 'GET /clock') answer(outgoing, 200, { vm, pid: process.pid, ...clock });
  else if (route === 'POST /orders') takeOrder(incoming, outgoing);
  else answer(outgoing, 404, { error: `nothing at ${route}` });
});
// 0 = never. The client ends a kept connection, or the answer that says so; not a timer.
server.keepAliveTimeout = 0;
closeIdleWhileDraining();
server.listen(Number(port), address, () => {
  const ready = { msg: 'ready', program: 'front-end', vm, pid: process.pid, boot, listen: `${address}:${port}` };
  process.stdout.write(`${JSON.stringify(ready)}\n`);
});
server.on('error', (error) => {
  process.stderr.write(`front-end: cannot listen on ${address}:${port}: ${error.message}\n`);
  process.exit(1);
});
process.on('SIGTERM', () => process.exit(0));

/** A browser keeps its connections open for minutes; without this, one page looked at would hold up the maintenance. */
function closeIdleWhileDraining() {
  const usedAt = new Map();
  server.on('connection', (socket) => {
    usedAt.set(socket, performance.now());
    socket.on('close', () => usedAt.delete(socket));
  });
  server.on('request', ({ socket }, outgoing) => {
    usedAt.set(socket, Infinity);
    outgoing.on('close', () => {
      if (usedAt.has(socket)) usedAt.set(socket, performance.now());
    });
  });
  setInterval(() => {
    if (!existsSync(drainingFile)) return;
    for (const [socket, atMs] of usedAt) if (performance.now() - atMs > IDLE_MS) socket.end();
  }, 250);
}

function answer(outgoing, status, value) {
  const body = JSON.stringify(value);
  outgoing.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  outgoing.end(body);
}

/** Reads the order, hands it to the queue, and says "accepted" only once the queue has said so. */
function takeOrder(incoming, outgoing) {
  const chunks = [];
  let length = 0;
  incoming.on('error', () => outgoing.destroy());
  incoming.on('data', (chunk) => {
    length += chunk.length;
    if (length <= MAX_ORDER_BYTES) chunks.push(chunk);
  });
  incoming.on('end', () => {
    if (length > MAX_ORDER_BYTES) {
      answer(outgoing, 413, { error: `expected at most ${MAX_ORDER_BYTES} bytes, got ${length}` });
      return;
    }
    const enqueue = request(new URL('/work', queueUrl), {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': length },
      timeout: QUEUE_TIMEOUT_MS,
    });
    enqueue.on('timeout', () => enqueue.destroy(new Error(`no answer within ${QUEUE_TIMEOUT_MS} ms`)));
    enqueue.on('error', (error) => {
      if (!outgoing.headersSent) answer(outgoing, 502, { error: `the queue: ${error.message}` });
    });
    enqueue.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part) => (text += part));
      response.on('error', (error) => answer(outgoing, 502, { error: `the queue: ${error.message}` }));
      response.on('end', () => {
        if (response.statusCode === 201) answer(outgoing, 202, { vm, ...JSON.parse(text) });
        else answer(outgoing, 502, { error: `the queue answered ${response.statusCode}` });
      });
    });
    for (const chunk of chunks) enqueue.write(chunk);
    enqueue.end();
  });
}

function installedVersion() {
  return existsSync(versionFile) ? readFileSync(versionFile, 'utf8').trim() : '1';
}

/** What earlier boots left on the disk and in the temporary folder; then this boot's own mark in both. */
function leaveMarks() {
  const marksIn = (folder) => {
    mkdirSync(folder, { recursive: true });
    const marks = readdirSync(folder).filter((name) => name.startsWith('boot-'));
    writeFileSync(path.join(folder, `boot-${boot}`), `${process.pid}\n`);
    return marks;
  };
  return { disk: marksIn(disk), temporary: marksIn(temporary) };
}

/** A timer that should come every 50 ms. Frozen, this process cannot see time pass, but it sees that it has passed. */
function watchClock() {
  const largest = { gapMs: 0, endedAtMs: 0 };
  let before = performance.now();
  setInterval(() => {
    const now = performance.now();
    if (now - before > largest.gapMs)
      Object.assign(largest, { gapMs: Math.round(now - before), endedAtMs: Date.now() });
    before = now;
  }, 50);
  return largest;
}
