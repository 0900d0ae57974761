import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { Worker } from 'node:worker_threads';
import { expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../common/runtime/clock.ts';
import { probeOnce } from '../../../emulator/cloud-service/probe.ts';

const TIMEOUT_MS = 80;

/** An instance in a thread of its own: it answers, a moment after it was asked, although this one is at a standstill. */
async function answering(): Promise<{ readonly port: number; readonly asked: Promise<void> }> {
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads');
     const server = require('node:http').createServer((request, response) => {
       parentPort.postMessage('asked');
       setTimeout(() => response.end(), 20);
     });
     server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));`,
    { eval: true },
  );
  onTestFinished(async () => {
    await worker.terminate();
  });
  const port = await new Promise<number>((resolve) => worker.once('message', resolve));
  return { port, asked: new Promise((resolve) => worker.once('message', resolve)) };
}

/** Takes connections and says nothing. */
async function silent(): Promise<{ readonly port: number; readonly asked: Promise<void> }> {
  const server = createServer();
  const asked = new Promise<void>((resolve) =>
    server.once('connection', (socket) => socket.once('data', () => resolve())),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, asked };
}

/** Stands in for a machine that gives this process no time. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

it('takes an answer that came in time, although nobody had time to read it', async () => {
  const { port, asked } = await answering();
  const probing = probeOnce({ host: '127.0.0.1', port, path: '/' }, TIMEOUT_MS, systemClock);
  await asked;
  standStill(3 * TIMEOUT_MS);
  expect(await probing).toBe(true);
});

it('says nothing about an instance when it could not look itself', async () => {
  const { port, asked } = await silent();
  const probing = probeOnce({ host: '127.0.0.1', port, path: '/' }, TIMEOUT_MS, systemClock);
  await asked;
  standStill(3 * TIMEOUT_MS);
  expect(await probing).toBe(undefined);
});

it('counts silence as a failure', async () => {
  const { port } = await silent();
  const target = { host: '127.0.0.1', port, path: '/' };
  // A machine that is busy right now is asked again.
  await expect.poll(async () => await probeOnce(target, TIMEOUT_MS, systemClock)).toBe(false);
});
