// The shop's worker: takes orders from the queue, works on each for a moment, and reports it done.
//
// The queue hands out every order once. A worker that is killed with an order in its hands has lost it, so before a reboot
// its hands must be empty: while the file "draining" lies on the disk it takes nothing new, and once nothing is left in hand
// it copies that file to "idle", which is what the prepare hook waits for.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const { FOREWARN_VM_DISK: disk, QUEUE_URL: queueUrl } = process.env;
const vm = process.env.FOREWARN_VM_NAME ?? 'a VM without a name';
const boot = Number(process.env.FOREWARN_VM_BOOT ?? 1);

for (const [name, value] of Object.entries({ FOREWARN_VM_DISK: disk, QUEUE_URL: queueUrl })) {
  if (value === undefined || value === '') {
    process.stderr.write(`back-end: expected ${name} in the environment, found none (the emulator sets it)\n`);
    process.exit(2);
  }
}

/** Orders worked on at the same time. */
const HANDS = 4;
/** How long one question to the queue waits for an order: short, so that a drain need not break one off (see `take`). */
const TAKE_WAIT_MS = 300;
/** A queue that answers slower than this is taken for dead; far above TAKE_WAIT_MS, so that it never hits a healthy one. */
const QUEUE_TIMEOUT_MS = 30_000;

const drainingFile = path.join(disk, 'draining');
const idleFile = path.join(disk, 'idle');
mkdirSync(disk, { recursive: true });
const clock = watchClock();
let inHand = 0;
const stopping = new AbortController();
process.on('SIGTERM', () => stopping.abort());

const ready = { msg: 'ready', program: 'back-end', vm, pid: process.pid, boot };
process.stdout.write(`${JSON.stringify(ready)}\n`);
// So that the queue knows this process also while it is drained and takes nothing.
await post('/hello', { vm, pid: process.pid, boot }).catch((error) => {
  process.stderr.write(`back-end: ${error.message}\n`);
});
await Promise.all(Array.from({ length: HANDS }, () => work()));

async function work() {
  while (!stopping.signal.aborted) {
    const draining = readOrUndefined(drainingFile);
    if (draining !== undefined) {
      if (inHand === 0) sayIdle(draining);
      await pause(50);
      continue;
    }
    // A hand that asks counts as busy: the answer may be an order.
    inHand += 1;
    try {
      await handleOne();
    } catch (error) {
      process.stderr.write(`back-end: ${error.message}\n`);
      await pause(500);
    } finally {
      inHand -= 1;
    }
  }
}

/**
 * The question is never broken off: an order that is already on its way would be lost. So it is short.
 */
async function handleOne() {
  const taken = await post('/take', { vm, pid: process.pid, boot, waitMs: TAKE_WAIT_MS, clock });
  if (taken.status !== 200) return;
  const { id } = JSON.parse(taken.text);
  await pause(20 + (id % 31));
  const done = await post('/done', { id, vm });
  if (done.status !== 200) throw new Error(`order ${id}: the queue answered ${done.status} to "done"`);
}

function sayIdle(draining) {
  if (readOrUndefined(idleFile) === draining) return;
  // Written whole or not at all: the hook compares contents.
  writeFileSync(`${idleFile}.new`, draining);
  renameSync(`${idleFile}.new`, idleFile);
  // The drain may have been taken back meanwhile; then this answer is nobody's.
  if (readOrUndefined(drainingFile) === undefined) rmSync(idleFile, { force: true });
}

function readOrUndefined(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function post(route, value) {
  const body = JSON.stringify(value);
  return new Promise((resolve, reject) => {
    const outgoing = request(new URL(route, queueUrl), {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      timeout: QUEUE_TIMEOUT_MS,
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${QUEUE_TIMEOUT_MS} ms`)));
    outgoing.on('error', (error) => reject(new Error(`the queue at ${queueUrl}: ${error.message}`)));
    outgoing.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part) => (text += part));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode, text }));
    });
    outgoing.end(body);
  });
}

/** As in front-end.mjs: the largest gap this process has seen in its own clock. */
function watchClock() {
  const largest = { gapMs: 0, endedAtMs: 0 };
  let before = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    if (now - before > largest.gapMs)
      Object.assign(largest, { gapMs: Math.round(now - before), endedAtMs: Date.now() });
    before = now;
  }, 50);
  timer.unref();
  return largest;
}
