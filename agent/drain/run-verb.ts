import path from 'node:path';
import type { Clock } from '../../common/runtime/clock.ts';
import type { AskPrivileged } from '../privileged/client.ts';
import { checkFile } from '../hooks/check-file.ts';
import { FIXED_PATH } from '../hooks/hook-environment.ts';
import { runExecutable, type RunResult } from '../hooks/run-executable.ts';
import type { CommandSettings } from './settings.ts';
import type { DrainVerb } from './verb-drain.ts';

/** Enough of a complaint to know what it is about. */
const MAX_COMPLAINT = 500;

export interface VerbTools {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly ownUserId: number;
  /** Undefined where the settings name no privileged unit. */
  readonly askPrivileged: AskPrivileged | undefined;
}

/**
 * Runs the operator's executable (or privileged action) for one verb: the verb is its first argument and on its standard
 * input as JSON. Resolves with its standard output; rejects when the file must not be run, or with how the run failed.
 */
export async function runVerb(command: CommandSettings, verb: DrainVerb, tools: VerbTools): Promise<string> {
  const result = 'action' in command ? await runAction(command, verb, tools) : await runFile(command, verb, tools);
  if (result.ok) return result.stdout.trim();
  const complaint = result.output.trim().slice(0, MAX_COMPLAINT);
  throw new Error(`${verb} ${result.detail}${complaint === '' ? '' : `: ${complaint}`}`);
}

async function runAction(
  command: Extract<CommandSettings, { action: string }>,
  verb: DrainVerb,
  { askPrivileged, signal }: VerbTools,
): Promise<RunResult> {
  if (askPrivileged === undefined) throw new Error('the settings name no privileged unit (setting privileged)');
  const words = [verb, ...command.words];
  return await askPrivileged(
    { kind: 'action', action: command.action, words, input: { verb }, timeoutMs: command.timeout },
    signal,
  );
}

async function runFile(
  command: Extract<CommandSettings, { file: string }>,
  verb: DrainVerb,
  { clock, signal, ownUserId }: VerbTools,
): Promise<RunResult> {
  const checked = await checkFile({
    root: path.dirname(command.file),
    relative: path.basename(command.file),
    ownUserId,
    mustBeExecutable: true,
  });
  if (checked.kind !== 'fine')
    throw new Error(`must not be run: ${checked.kind === 'missing' ? 'it is not there' : checked.reason}`);
  return await runExecutable(
    {
      file: checked.file,
      parameters: [verb, ...command.parameters],
      folder: path.dirname(checked.file),
      input: `${JSON.stringify({ verb })}\n`,
      environment: { LANG: 'C.UTF-8', ...command.environment, PATH: FIXED_PATH },
      timeoutMs: command.timeout,
    },
    clock,
    signal,
  );
}
