import { getuid } from 'node:process';
import type { HookSubject } from '../core/action.ts';
import type { HookPhase } from '../core/hook-phase.ts';
import { askPrivilegedUnit } from '../privileged/client.ts';
import type { AgentTools } from '../tools.ts';
import { runHooks, type HookOutcome } from './hooks.ts';
import { createRunner } from './runner.ts';
import { createTaskRunner, type TaskRunner } from './tasks.ts';

/** What the operator of this VM wants run, as the settings say. */
export interface OpenHooks {
  readonly runHooks: (phase: HookPhase, subject: HookSubject) => Promise<HookOutcome>;
  readonly tasks: TaskRunner;
}

/** Ends what an earlier life of this agent has left running, and runs hooks and tasks from then on. */
export function openHooks(tools: AgentTools, vmName: string): OpenHooks {
  const { settings, clock, signal } = tools;
  const log = tools.log.child({ part: 'hooks' });
  const run = createRunner(settings.state, { clock, log, signal });
  const privileged = settings.privileged && {
    folder: settings.privileged.folder,
    ask: askPrivilegedUnit(settings.privileged.socket, clock),
  };
  const common = { vmName, ownUserId: getuid?.() ?? 0, privileged };
  const hooks = settings.hooks && { ...settings.hooks, ...common, timeoutMs: settings.hooks.timeout };
  return {
    runHooks: async (phase, subject) =>
      hooks === undefined ? { ok: true, detail: '' } : await runHooks(hooks, { phase, subject }, { run, log, signal }),
    tasks: createTaskRunner(settings.tasks && { ...settings.tasks, ...common }, { run, log, signal }),
  };
}
