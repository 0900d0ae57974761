import path from 'node:path';
import { TASK_NAME } from '../../common/protocol/messages.ts';
import type { Clock } from '../../common/runtime/clock.ts';
import type { Log } from '../../common/runtime/log.ts';
import { refuseExecutable } from './check-file.ts';
import { FIXED_PATH } from './hooks.ts';
import { runExecutable, type RunResult } from './run-executable.ts';

export interface TaskSettings {
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly vmName: string;
  readonly ownUserId: number;
}

export interface TaskOrder {
  readonly workId: string;
  readonly attempt: number;
  readonly task: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly timeoutMs: number;
  readonly idempotencyKey: string;
}

/** Results kept for a scheduler that asks again because its answer was lost. */
const MAX_RESULTS = 50;

/** Longest time a task may take, whatever the scheduler says: it keeps the VM out of service. */
const MAX_TIMEOUT_MS = 24 * 3_600_000;

export interface TaskRunner {
  /**
   * Runs a task that this VM's operator has put into the task folder. The same work and attempt is run once, and answered
   * again with what it came to; a higher attempt ends the lower one first, whose result then counts no more (undefined).
   */
  run(order: TaskOrder): Promise<RunResult | undefined>;
}

/** `signal` ends what is running when the agent stops. */
export function createTaskRunner(
  settings: TaskSettings | undefined,
  tools: { readonly clock: Clock; readonly log: Log; readonly signal: AbortSignal },
): TaskRunner {
  const known = new Map<string, { attempt: number; result: Promise<RunResult>; controller: AbortController }>();
  return {
    run: async (order) => {
      const before = known.get(order.workId);
      if (before !== undefined && order.attempt < before.attempt) return undefined;
      if (before?.attempt === order.attempt) return await before.result;
      const controller = new AbortController();
      const signal = AbortSignal.any([tools.signal, controller.signal]);
      before?.controller.abort();
      // Two attempts of one work never run at the same time.
      const runAfter = async (): Promise<RunResult> => {
        await before?.result;
        return await runTask(settings, order, { ...tools, signal });
      };
      const result = runAfter();
      known.set(order.workId, { attempt: order.attempt, result, controller });
      for (const workId of [...known.keys()].slice(0, Math.max(0, known.size - MAX_RESULTS))) known.delete(workId);
      const done = await result;
      return known.get(order.workId)?.attempt === order.attempt ? done : undefined;
    },
  };
}

async function runTask(
  settings: TaskSettings | undefined,
  order: TaskOrder,
  tools: { readonly clock: Clock; readonly log: Log; readonly signal: AbortSignal },
): Promise<RunResult> {
  // The scheduler names a task and never a path or a command: only what the operator of this VM put here can run.
  if (settings === undefined) return refused('this VM runs no tasks (setting tasks.folder)');
  if (!TASK_NAME.test(order.task)) return refused(`${JSON.stringify(order.task)} is no name of a task`);
  const refusal = await refuseExecutable(settings.folder, settings.folder, order.task, settings.ownUserId);
  if (refusal !== undefined) return refused(`task "${order.task}" must not be run: ${refusal}`);
  const result = await runExecutable(
    {
      file: path.join(settings.folder, order.task),
      folder: settings.folder,
      input: `${JSON.stringify(order.parameters)}\n`,
      environment: {
        LANG: 'C.UTF-8',
        ...settings.environment,
        PATH: FIXED_PATH,
        FOREWARN_VM_NAME: settings.vmName,
        FOREWARN_TASK: order.task,
        FOREWARN_TASK_WORK: order.workId,
        FOREWARN_TASK_ATTEMPT: `${order.attempt}`,
        FOREWARN_TASK_KEY: order.idempotencyKey,
      },
      timeoutMs: Math.min(order.timeoutMs, MAX_TIMEOUT_MS),
    },
    tools.clock,
    tools.signal,
  );
  tools.log.info({ task: order.task, ok: result.ok, detail: result.detail, output: result.output }, 'task done');
  return result;
}

function refused(detail: string): RunResult {
  return { ok: false, exitStatus: null, output: '', stdout: '', detail };
}
