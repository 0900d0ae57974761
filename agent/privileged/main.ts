import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { getuid } from 'node:process';
import type { Readable } from 'node:stream';
import { systemClock, type Clock } from '../../common/runtime/clock.ts';
import { stopSignal } from '../../common/runtime/lifecycle.ts';
import { refused } from '../hooks/tasks.ts';
import type { RunResult } from '../hooks/run-executable.ts';
import { takeLock } from './lock.ts';
import { parseRequest, pathOf, performRequest } from './perform-request.ts';
import { MAX_REQUEST_BYTES } from './request.ts';

/** Whoever connects has its request ready. */
const REQUEST_WITHIN_MS = 10_000;

/**
 * `forewarn agent privileged`: answers one request on standard input and output, which systemd connects to the socket that the
 * agent asks at (forewarn-privileged@.service). Ends what it started when the other side goes away.
 */
export async function servePrivileged(folder: string, locks: string): Promise<void> {
  const clock = systemClock;
  const gone = new AbortController();
  const signal = AbortSignal.any([stopSignal(), gone.signal]);
  const line = await readLine(process.stdin, () => {
    gone.abort();
  });
  const answer = await answerTo(line, { folder, locks, clock, signal });
  await new Promise<void>((resolve) => {
    // Whoever has gone does not want the answer.
    process.stdout.on('error', () => {
      resolve();
    });
    process.stdout.write(`${JSON.stringify(answer)}\n`, () => {
      resolve();
    });
  });
  process.stdin.destroy();
}

async function answerTo(
  line: string | undefined,
  work: { readonly folder: string; readonly locks: string; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<RunResult> {
  const request = line === undefined ? 'expected one line of JSON' : parseRequest(line);
  if (typeof request === 'string') return refused(`refused by the privileged unit: ${request}`);
  const { clock, signal } = work;
  await mkdir(work.locks, { recursive: true, mode: 0o700 });
  const lock = await takeLock(path.join(work.locks, pathOf(request).replaceAll(path.sep, '.')), clock, signal);
  if (lock === undefined) return refused('an earlier run of it has not ended');
  try {
    const ownUserId = getuid?.() ?? 0;
    return await performRequest(work.folder, request, { clock, signal, ownUserId, mark: `privileged.${process.pid}` });
  } finally {
    await lock.release();
  }
}

/** The first line; undefined when none comes in time or it is too long. `closed` is called when the other side goes away. */
async function readLine(stream: Readable, closed: () => void): Promise<string | undefined> {
  return await new Promise((resolve) => {
    let text = '';
    let isRead = false;
    const finish = (line: string | undefined): void => {
      isRead = true;
      cancel();
      resolve(line);
    };
    const cancel = systemClock.after(REQUEST_WITHIN_MS, () => {
      finish(undefined);
    });
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      if (isRead) return;
      text += chunk;
      const end = text.indexOf('\n');
      if (end >= 0) finish(text.slice(0, end));
      else if (text.length > MAX_REQUEST_BYTES) finish(undefined);
    });
    const onEnd = (): void => {
      closed();
      if (!isRead) finish(undefined);
    };
    stream.on('end', onEnd);
    stream.on('error', onEnd);
  });
}
