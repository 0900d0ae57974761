import path from 'node:path';
import type { Clock } from '../../common/runtime/clock.ts';
import { describeError } from '../../common/runtime/errors.ts';
import type { Log } from '../../common/runtime/log.ts';
import { FIXED_PATH } from '../hooks/hook-environment.ts';
import { runExecutable } from '../hooks/run-executable.ts';
import type { Claims } from './claims.ts';
import type { Drain } from './drain.ts';

export interface UnitsOptions {
  /** Stopped in this order, started again in the reverse. */
  readonly names: readonly string[];
  /** systemctl. */
  readonly program: string;
  /** For each stop and each start. */
  readonly timeoutMs: number;
  readonly claims: Claims;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log: Log;
}

/**
 * Stops systemd units while the VM is out, and starts those again that it has stopped: one that its operator had stopped
 * stays stopped. What systemd says about a unit counts, not that a command succeeded.
 */
export function unitsDrain(options: UnitsOptions): Drain {
  const { names, claims, log } = options;
  const keyOf = (name: string): string => `unit ${name}`;
  return {
    name: `units ${names.join(', ')}`,
    start: async () => {
      for (const name of names) {
        if (isAtRest(await readState(options, name))) continue;
        try {
          // First on disk: after a crash in between, a unit that nobody claims would never be started again.
          await claims.set(keyOf(name), 'stopped');
        } catch (error) {
          log.error(
            { unit: name, reason: describeError(error) },
            'cannot keep on disk that this unit is stopped by us',
          );
        }
        await systemctl(options, ['stop', '--', name]);
        const state = await readState(options, name);
        if (!isAtRest(state)) throw new Error(`${name} was stopped, but is ${state}`);
      }
    },
    read: async () => {
      const running: string[] = [];
      for (const name of names) {
        const state = await readState(options, name);
        if (!isAtRest(state)) running.push(`${name} is ${state}`);
      }
      return { clear: running.length === 0, detail: running.length === 0 ? 'all are stopped' : running.join(', ') };
    },
    restore: async () => {
      for (const name of names.toReversed()) {
        if (claims.get(keyOf(name)) === undefined) continue;
        await systemctl(options, ['start', '--', name]);
        const state = await readState(options, name);
        if (state !== 'active') throw new Error(`${name} was started, but is ${state}`);
        await claims.remove(keyOf(name));
      }
    },
  };
}

/** Nothing of it runs (systemd.unit: ActiveState). */
function isAtRest(state: string): boolean {
  return state === 'inactive' || state === 'failed';
}

async function readState(options: UnitsOptions, name: string): Promise<string> {
  const answer = await systemctl(options, ['show', '--property=LoadState,ActiveState', '--', name]);
  const properties = new Map(
    answer.split('\n').map((line) => {
      const at = line.indexOf('=');
      return [line.slice(0, at), line.slice(at + 1)] as const;
    }),
  );
  const state = properties.get('ActiveState');
  // systemd calls a unit that does not exist inactive, which would be a proof of nothing.
  if (properties.get('LoadState') === 'not-found') throw new Error(`systemd knows no unit ${name}`);
  if (state === undefined) throw new Error(`systemctl did not say whether ${name} is active`);
  return state;
}

async function systemctl(options: UnitsOptions, parameters: readonly string[]): Promise<string> {
  const result = await runExecutable(
    {
      file: options.program,
      parameters: ['--no-ask-password', '--no-pager', ...parameters],
      folder: '/',
      input: '',
      environment: { LANG: 'C.UTF-8', PATH: FIXED_PATH },
      timeoutMs: options.timeoutMs,
    },
    options.clock,
    options.signal,
  );
  if (!result.ok)
    throw new Error(
      `${path.basename(options.program)} ${parameters.join(' ')} ${result.detail}: ${result.output.trim()}`,
    );
  return result.stdout;
}
