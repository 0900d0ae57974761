import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../../common/runtime/clock.ts';
import { describeError, systemErrorCode } from '../../common/runtime/errors.ts';
import type { Log } from '../../common/runtime/log.ts';
import type { HookSubject } from '../core/action.ts';
import type { HookPhase } from '../core/hook-phase.ts';
import { refuseExecutable } from './check-file.ts';
import { runExecutable, type RunResult } from './run-executable.ts';

/** Where standard programs are; hooks get exactly this, whatever started the agent. */
export const FIXED_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** As run-parts: no dots, so that leftovers of editors and package managers never run. */
const HOOK_NAME = /^[A-Za-z0-9_-]+$/;

/** Leftovers that are known to be none of the operator's business; anything else that is not a hook is a mistake. */
const LEFTOVER = /^\.|~$|\.dpkg-|\.bak$|^README(\.md)?$/;

/** More executables than this in one phase are a mistake. */
const MAX_HOOKS = 64;

export interface HookSettings {
  /** Holds one folder for each phase; a missing one means that there is nothing to run. */
  readonly folder: string;
  /** For each executable. */
  readonly timeoutMs: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly vmName: string;
  readonly ownUserId: number;
}

export interface HookOutcome {
  readonly ok: boolean;
  readonly detail: string;
}

/**
 * Runs the executables of one phase in the order of their names, stopping at the first that fails. A file that must not be
 * run fails the phase instead of being passed over: an approval without a hook that was meant to guard it would be worse.
 */
export async function runHooks(
  settings: HookSettings,
  work: { readonly phase: HookPhase; readonly subject: HookSubject },
  tools: { readonly clock: Clock; readonly log: Log; readonly signal: AbortSignal },
): Promise<HookOutcome> {
  const { phase, subject } = work;
  const folder = path.join(settings.folder, phase);
  const found = await listHooks(folder);
  if (typeof found === 'string') return { ok: false, detail: `hooks of phase ${phase}: ${found}` };
  for (const name of found) {
    const refusal = await refuseExecutable(settings.folder, folder, name, settings.ownUserId);
    if (refusal !== undefined) return { ok: false, detail: `hook "${phase}/${name}" must not be run: ${refusal}` };
    const result = await runExecutable(
      {
        file: path.join(folder, name),
        folder,
        input: `${JSON.stringify({ ...subject, phase })}\n`,
        environment: hookEnvironment(settings, phase, subject),
        timeoutMs: settings.timeoutMs,
      },
      tools.clock,
      tools.signal,
    );
    logRun(tools.log, { hook: `${phase}/${name}`, event_id: subject.eventId }, result);
    if (!result.ok) return { ok: false, detail: `hook "${phase}/${name}" ${result.detail}` };
  }
  return { ok: true, detail: found.length === 0 ? '' : `${found.length} hooks` };
}

/** The names of a phase's executables in their order, or why they cannot be told. */
async function listHooks(folder: string): Promise<readonly string[] | string> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    return systemErrorCode(error) === 'ENOENT' ? [] : describeError(error);
  }
  const wanted = names.filter((name) => !LEFTOVER.test(name)).toSorted();
  const bad = wanted.find((name) => !HOOK_NAME.test(name));
  if (bad !== undefined) return `expected names of letters, digits, - and _, found ${JSON.stringify(bad)}`;
  return wanted.length > MAX_HOOKS ? `expected at most ${MAX_HOOKS} hooks, found ${wanted.length}` : wanted;
}

function hookEnvironment(settings: HookSettings, phase: HookPhase, subject: HookSubject): Record<string, string> {
  return {
    LANG: 'C.UTF-8',
    ...settings.environment,
    PATH: FIXED_PATH,
    FOREWARN_VM_NAME: settings.vmName,
    FOREWARN_EVENT_ID: subject.eventId,
    FOREWARN_EVENT_TYPE: subject.eventType,
    FOREWARN_EVENT_STATUS: subject.status,
    FOREWARN_EVENT_PHASE: phase,
    FOREWARN_EVENT_NOT_BEFORE: subject.notBeforeMs === null ? '' : new Date(subject.notBeforeMs).toISOString(),
    FOREWARN_EVENT_RESOURCES: subject.resources.join(','),
    // The same whenever this phase of this event runs again (after a crash, a failure): a hook can tell a repetition.
    FOREWARN_EVENT_KEY: `${subject.eventId}:${phase}`,
  };
}

function logRun(log: Log, fields: Readonly<Record<string, unknown>>, result: RunResult): void {
  const all = { ...fields, detail: result.detail, ...(result.output === '' ? {} : { output: result.output }) };
  if (result.ok) log.info(all, 'hook done');
  else log.warn(all, 'hook failed');
}
