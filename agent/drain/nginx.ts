import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { replaceFile } from '../../common/runtime/atomic-file.ts';
import type { Clock } from '../../common/runtime/clock.ts';
import { describeError } from '../../common/runtime/errors.ts';
import type { Log } from '../../common/runtime/log.ts';
import { FIXED_PATH } from '../hooks/hook-environment.ts';
import { runExecutable } from '../hooks/run-executable.ts';
import type { Claims } from './claims.ts';
import type { Drain } from './drain.ts';
import { markInFile, stateInFile } from './nginx-file.ts';
import { readWorkers } from './nginx-workers.ts';

/** Testing and reloading take a fraction of a second; a configuration that resolves many names takes longer. */
const PROGRAM_TIMEOUT_MS = 20_000;

/** nginx starts its new workers within milliseconds of the signal; a configuration that it cannot load starts none. */
const NEW_WORKERS_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 50;

export interface NginxOptions {
  /** The file that an upstream block includes, with a `server` line for this VM in it. */
  readonly file: string;
  /** The address in that line. */
  readonly server: string;
  readonly program: string;
  /** nginx's main configuration, where it is not nginx's own default. */
  readonly config?: string | undefined;
  readonly pidFile: string;
  readonly claims: Claims;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log: Log;
}

/**
 * Takes one server out of an upstream of the nginx on this machine: marked `down` in an included file, tested, reloaded. A
 * reload succeeds before the new configuration is in force (and also when it never will be), so what counts are the workers:
 * all that were there before have to be leaving, and new ones there. Connections by the old configuration are gone when the
 * leaving workers are; without `worker_shutdown_timeout` a WebSocket keeps one for as long as it likes.
 *
 * The file survives a restart of nginx, and with it the mark. A line that the operator had marked stays marked.
 */
export function nginxDrain(options: NginxOptions): Drain {
  const { file, server, claims, log } = options;
  const key = `nginx ${file} ${server}`;
  const read = async (): Promise<{ content: string; state: 'up' | 'down' }> => {
    const content = await readFile(file, 'utf8');
    const state = stateInFile(content, server);
    if (state === undefined) throw new Error(`${file} has no line "server ${server} …;"`);
    return { content, state };
  };
  const mark = async (content: string, state: 'up' | 'down'): Promise<void> => {
    await replaceFile(file, markInFile(content, server, state), (await stat(file)).mode & 0o777);
  };
  return {
    name: `nginx ${server} in ${file}`,
    start: async () => {
      const { content, state } = await read();
      const claim = claims.get(key);
      if (state === 'down' && (claim === undefined || claim === 'out')) return;
      try {
        // First on disk: after a crash in between, a server that nobody claims would never be given back.
        await claims.set(key, 'asked');
      } catch (error) {
        log.error(
          { server, reason: describeError(error) },
          'cannot keep on disk that this server is turned away by us',
        );
      }
      if (state === 'up') await mark(content, 'down');
      await reload(options);
      if (claim === 'out') log.warn({ server, file }, 'somebody had taken our mark out of the file; set again');
      await claims.set(key, 'out');
    },
    read: async () => {
      const { state } = await read();
      if (state === 'up' || claims.get(key) === 'asked')
        return { clear: false, detail: 'not marked down, or not loaded yet' };
      const workers = await readWorkers(options.pidFile);
      const leaving = workers.filter((worker) => worker.isLeaving).length;
      return {
        clear: leaving === 0 && workers.length > 0,
        count: leaving,
        detail: `${leaving} old workers still serve connections`,
      };
    },
    restore: async () => {
      if (claims.get(key) === undefined) return;
      await claims.set(key, 'asked');
      const { content, state } = await read();
      if (state === 'down') await mark(content, 'up');
      await reload(options);
      await claims.remove(key);
    },
  };
}

async function reload(options: NginxOptions): Promise<void> {
  const { clock, signal, pidFile } = options;
  await runNginx(options, ['-t', '-q']);
  const before = new Set((await readWorkers(pidFile)).map(({ pid }) => pid));
  await runNginx(options, ['-s', 'reload']);
  const deadlineMs = clock.monotonic() + NEW_WORKERS_WITHIN_MS;
  for (;;) {
    const workers = await readWorkers(pidFile);
    const isNew = workers.some(({ pid, isLeaving }) => !before.has(pid) && !isLeaving);
    if (isNew && workers.every(({ pid, isLeaving }) => isLeaving || !before.has(pid))) return;
    if (clock.monotonic() > deadlineMs || !(await clock.sleep(LOOK_EVERY_MS, signal)))
      throw new Error('nginx took the reload, but its old workers go on: its error log says why');
  }
}

async function runNginx(options: NginxOptions, parameters: readonly string[]): Promise<void> {
  const { program, config, clock, signal } = options;
  const all = config === undefined ? parameters : ['-c', config, ...parameters];
  const result = await runExecutable(
    {
      file: program,
      parameters: all,
      folder: path.dirname(options.file),
      input: '',
      environment: { LANG: 'C.UTF-8', PATH: FIXED_PATH },
      timeoutMs: PROGRAM_TIMEOUT_MS,
    },
    clock,
    signal,
  );
  if (!result.ok)
    throw new Error(`${path.basename(program)} ${parameters.join(' ')} ${result.detail}: ${result.output.trim()}`);
}
