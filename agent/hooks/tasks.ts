import path from 'node:path';
import { TASK_NAME } from '../../common/protocol/messages.ts';
import type { Log } from '../../common/runtime/log.ts';
import type { AskPrivileged } from '../privileged/client.ts';
import { checkFile } from './check-file.ts';
import type { RunResult } from './run-executable.ts';
import type { RunProgram } from './runner.ts';
import { FIXED_PATH } from './hook-environment.ts';
import { acceptParameters, readDeclaration } from './task-declaration.ts';
import type { TaskOrder } from './task-order.ts';

export interface TaskSettings {
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly vmName: string;
  readonly ownUserId: number;
  /** Its folder `tasks` holds tasks that need root. */
  readonly privileged?: { readonly folder: string; readonly ask: AskPrivileged } | undefined;
}

/** Results kept for a scheduler that asks again because its answer was lost. */
const MAX_RESULTS = 50;

/** Longest time a task may take, whatever the scheduler says: it keeps the VM out of service. */
export const MAX_TASK_MS = 24 * 3_600_000;

export interface TaskRunner {
  /**
   * Runs a task that this VM's operator has put into the task folder. The same work and attempt is run once, and answered
   * again with what it came to; a higher attempt ends the lower one first, whose result then counts no more (undefined).
   */
  run(order: TaskOrder): Promise<RunResult | undefined>;
}

interface TaskTools {
  readonly run: RunProgram;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** `signal` ends what is running when the agent stops. */
export function createTaskRunner(settings: TaskSettings | undefined, tools: TaskTools): TaskRunner {
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

async function runTask(settings: TaskSettings | undefined, order: TaskOrder, tools: TaskTools): Promise<RunResult> {
  // The scheduler names a task and never a path or a command: only what the operator of this VM put here can run.
  if (settings === undefined) return refused('this VM runs no tasks (setting tasks.folder)');
  if (!TASK_NAME.test(order.task)) return refused(`${JSON.stringify(order.task)} is no name of a task`);
  const place = { root: settings.folder, relative: order.task, ownUserId: settings.ownUserId };
  const result = await runTaskFile(place, { order, ...settings }, tools);
  const { privileged, vmName } = settings;
  const done =
    result ??
    (privileged === undefined
      ? refused(`task "${order.task}" is not in ${settings.folder}`)
      : await privileged.ask({ kind: 'task', order, vmName, timeoutMs: order.timeoutMs }, tools.signal));
  tools.log.info({ task: order.task, ok: done.ok, detail: done.detail, output: done.output }, 'task done');
  return done;
}

/** Checks, validates and runs the task in one place; undefined when it is not there. */
export async function runTaskFile(
  place: { readonly root: string; readonly relative: string; readonly ownUserId: number },
  work: {
    readonly order: TaskOrder;
    readonly vmName: string;
    readonly environment: Readonly<Record<string, string>>;
  },
  tools: Pick<TaskTools, 'run' | 'signal'>,
): Promise<RunResult | undefined> {
  const { order } = work;
  const checked = await checkFile({ ...place, mustBeExecutable: true });
  if (checked.kind === 'missing') return undefined;
  if (checked.kind === 'refused') return refused(`task "${order.task}" must not be run: ${checked.reason}`);
  const declaration = await readDeclaration(place.root, place.relative, place.ownUserId);
  if (typeof declaration === 'string') return refused(`task "${order.task}" must not be run: ${declaration}`);
  const parameters = acceptParameters(declaration, order.parameters);
  if (typeof parameters === 'string') return refused(`parameters of task "${order.task}": ${parameters}`);
  return await tools.run(
    {
      file: checked.file,
      folder: path.dirname(checked.file),
      input: `${JSON.stringify(parameters)}\n`,
      environment: {
        LANG: 'C.UTF-8',
        ...work.environment,
        PATH: FIXED_PATH,
        FOREWARN_VM_NAME: work.vmName,
        FOREWARN_TASK: order.task,
        FOREWARN_TASK_WORK: order.workId,
        FOREWARN_TASK_ATTEMPT: `${order.attempt}`,
        FOREWARN_TASK_KEY: order.idempotencyKey,
      },
      timeoutMs: Math.min(order.timeoutMs, declaration.timeout ?? MAX_TASK_MS, MAX_TASK_MS),
    },
    tools.signal,
  );
}

export function refused(detail: string): RunResult {
  return { ok: false, exitStatus: null, output: '', stdout: '', detail };
}
