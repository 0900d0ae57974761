import path from 'node:path';
import type { Log } from '../../common/runtime/log.ts';
import type { HookSubject } from '../core/action.ts';
import type { HookPhase } from '../core/hook-phase.ts';
import type { AskPrivileged } from '../privileged/client.ts';
import { checkFile } from './check-file.ts';
import { hookEnvironment } from './hook-environment.ts';
import { listHooks } from './list-hooks.ts';
import type { RunResult } from './run-executable.ts';
import type { RunProgram } from './runner.ts';

export interface HookSettings {
  /** Holds one folder for each phase; a missing one means that there is nothing to run. */
  readonly folder: string;
  /** For each executable. */
  readonly timeoutMs: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly phases?:
    | {
        readonly [Phase in HookPhase]?: {
          readonly timeout?: number | undefined;
          readonly onFailure: 'fail' | 'continue';
        };
      }
    | undefined;
  readonly vmName: string;
  readonly ownUserId: number;
  /** Folder like `folder` whose hooks need root, and who is asked to run them. */
  readonly privileged?: { readonly folder: string; readonly ask: AskPrivileged } | undefined;
}

export interface HookOutcome {
  readonly ok: boolean;
  readonly detail: string;
}

interface Hook {
  readonly name: string;
  readonly isPrivileged: boolean;
}

/**
 * Runs the executables of one phase in the order of their names, privileged ones among the others, and stops at the first that
 * fails (unless the settings say that this phase goes on). A file that must not be run fails the phase instead of being
 * passed over: an approval without a hook that was meant to guard it would be worse.
 */
export async function runHooks(
  settings: HookSettings,
  work: { readonly phase: HookPhase; readonly subject: HookSubject },
  tools: { readonly run: RunProgram; readonly log: Log; readonly signal: AbortSignal },
): Promise<HookOutcome> {
  const { phase, subject } = work;
  const hooks = await listPhase(settings, phase);
  if (typeof hooks === 'string') return { ok: false, detail: `hooks of phase ${phase}: ${hooks}` };
  const failed: string[] = [];
  for (const hook of hooks) {
    const result = await runHook(settings, { phase, subject, hook }, tools);
    if (typeof result === 'string')
      return { ok: false, detail: `hook "${phase}/${hook.name}" must not be run: ${result}` };
    logRun(tools.log, { hook: `${phase}/${hook.name}`, event_id: subject.eventId }, result);
    if (result.ok) continue;
    if (settings.phases?.[phase]?.onFailure !== 'continue')
      return { ok: false, detail: `hook "${phase}/${hook.name}" ${result.detail}` };
    failed.push(hook.name);
  }
  if (hooks.length === 0) return { ok: true, detail: '' };
  return {
    ok: true,
    detail: `${hooks.length} hooks${failed.length === 0 ? '' : `, of which failed: ${failed.join(', ')}`}`,
  };
}

/** All hooks of a phase in their order; of two with one name the privileged one comes first. */
async function listPhase(settings: HookSettings, phase: HookPhase): Promise<readonly Hook[] | string> {
  const own = await listHooks(path.join(settings.folder, phase));
  if (typeof own === 'string') return own;
  const privileged =
    settings.privileged === undefined ? [] : await listHooks(path.join(settings.privileged.folder, phase));
  if (typeof privileged === 'string') return privileged;
  return [
    ...privileged.map((name) => ({ name, isPrivileged: true })),
    ...own.map((name) => ({ name, isPrivileged: false })),
  ].toSorted((a, b) => (a.name === b.name ? 0 : a.name < b.name ? -1 : 1));
}

/** What came of one hook, or why it must not be run. */
async function runHook(
  settings: HookSettings,
  work: { readonly phase: HookPhase; readonly subject: HookSubject; readonly hook: Hook },
  tools: { readonly run: RunProgram; readonly signal: AbortSignal },
): Promise<RunResult | string> {
  const { phase, subject, hook } = work;
  const isGate = phase === 'prepare' || phase === 'ready';
  // Where the notice is too short for all that was planned, a hook that gates has its share of it.
  const shareMs = isGate ? (subject.withinMs ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
  const timeoutMs = Math.min(shareMs, settings.phases?.[phase]?.timeout ?? settings.timeoutMs);
  if (hook.isPrivileged && settings.privileged !== undefined) {
    const request = { kind: 'hook', phase, name: hook.name, subject, vmName: settings.vmName, timeoutMs } as const;
    return await settings.privileged.ask(request, tools.signal);
  }
  const checked = await checkFile({
    root: settings.folder,
    relative: path.join(phase, hook.name),
    ownUserId: settings.ownUserId,
    mustBeExecutable: true,
  });
  // Gone since it was listed: whoever removes a hook in that moment is asked to decide again.
  if (checked.kind !== 'fine') return checked.kind === 'refused' ? checked.reason : 'it has just been removed';
  return await tools.run(
    {
      file: checked.file,
      folder: path.dirname(checked.file),
      input: `${JSON.stringify({ ...subject, phase })}\n`,
      environment: hookEnvironment(phase, subject, settings),
      timeoutMs,
    },
    tools.signal,
  );
}

function logRun(log: Log, fields: Readonly<Record<string, unknown>>, result: RunResult): void {
  const all = { ...fields, detail: result.detail, ...(result.output === '' ? {} : { output: result.output }) };
  if (result.ok) log.info(all, 'hook done');
  else log.warn(all, 'hook failed');
}
