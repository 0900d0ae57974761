import path from 'node:path';
import type { Clock } from '../../common/runtime/clock.ts';
import { checkFile } from '../hooks/check-file.ts';
import { FIXED_PATH, hookEnvironment } from '../hooks/hook-environment.ts';
import { runExecutable, type RunResult } from '../hooks/run-executable.ts';
import type { RunProgram } from '../hooks/runner.ts';
import { refused, runTaskFile } from '../hooks/tasks.ts';
import { requestSchema, type PrivilegedRequest } from './request.ts';

/** Below the privileged folder. */
const TASKS = 'tasks';

/**
 * Carries out one request. Only files are run that root has put into `folder`, checked as
 * the agent checks its own; their environment is made here and never taken from the request. Never rejects.
 */
export async function performRequest(
  folder: string,
  request: PrivilegedRequest,
  tools: { readonly clock: Clock; readonly signal: AbortSignal; readonly ownUserId: number; readonly mark: string },
): Promise<RunResult> {
  const run: RunProgram = async (wanted, signal) =>
    await runExecutable({ ...wanted, mark: tools.mark }, tools.clock, signal);
  const place = { root: folder, ownUserId: tools.ownUserId };
  const relative = pathOf(request);
  if (request.kind === 'task') {
    const { order, vmName } = request;
    const result = await runTaskFile(
      { ...place, relative },
      { order, vmName, environment: {} },
      { run, signal: tools.signal },
    );
    return (
      result ?? refused(`task "${order.task}" is neither in the agent's folder nor in ${path.join(folder, TASKS)}`)
    );
  }
  const checked = await checkFile({ ...place, relative, mustBeExecutable: true });
  if (checked.kind === 'missing') return refused(`there is no ${path.join(folder, relative)}`);
  if (checked.kind === 'refused') return refused(`must not be run: ${checked.reason}`);
  return await run(
    { file: checked.file, folder: path.dirname(checked.file), timeoutMs: request.timeoutMs, ...whatToGive(request) },
    tools.signal,
  );
}

function whatToGive(request: Exclude<PrivilegedRequest, { kind: 'task' }>): {
  readonly parameters: readonly string[];
  readonly input: string;
  readonly environment: Readonly<Record<string, string>>;
} {
  if (request.kind === 'hook') {
    const { phase, subject, vmName } = request;
    return {
      parameters: [],
      input: `${JSON.stringify({ ...subject, phase })}\n`,
      environment: hookEnvironment(phase, subject, { vmName, environment: {} }),
    };
  }
  return {
    parameters: request.words,
    input: `${JSON.stringify(request.input ?? null)}\n`,
    environment: { LANG: 'C.UTF-8', PATH: FIXED_PATH, FOREWARN_ACTION: request.action },
  };
}

/** The file that a request names, below the privileged folder. */
export function pathOf(request: PrivilegedRequest): string {
  if (request.kind === 'task') return path.join(TASKS, request.order.task);
  return request.kind === 'hook' ? path.join(request.phase, request.name) : request.action;
}

/** A line as a request, or what is wrong with it. */
export function parseRequest(line: string): PrivilegedRequest | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return 'expected one line of JSON';
  }
  const parsed = requestSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  return parsed.error.issues
    .slice(0, 5)
    .map((issue) => `${issue.path.join('.')}: ${issue.message}`)
    .join('; ');
}
