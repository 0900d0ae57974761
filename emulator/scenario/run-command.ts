import { writeFile } from 'node:fs/promises';
import type { CommandContext } from '../../common/runtime/command.ts';
import { EXIT_FAILURE, EXIT_USAGE, systemErrorCode, UserError } from '../../common/runtime/errors.ts';
import { stopSignal } from '../../common/runtime/lifecycle.ts';
import { controlApi } from '../client/control-client.ts';
import { runAttachedScenario } from './attached-target.ts';
import type { RunOptions } from './command.ts';
import { loadAttachedScenario, loadScenario } from './load-scenario.ts';
import type { ScenarioReport } from './play.ts';
import { formatJunit, formatReport } from './report.ts';
import { runScenario } from './run-scenario.ts';

/** Plays the files one after another; resolves with the exit status. All are read before the first begins. */
export async function runScenarios(
  context: CommandContext,
  files: readonly string[],
  options: RunOptions,
): Promise<number> {
  const stop = stopSignal();
  const { terminal } = context;
  const print = (report: ScenarioReport): void => {
    if (options.json !== true) terminal.print(`${formatReport(report)}\n`);
  };
  const reports =
    options.control === undefined
      ? await runOwn(context, files, { options, stop, print })
      : await runAttached(context, files, { options, stop, print });
  if (options.json === true) terminal.print(JSON.stringify(reports, undefined, 2));
  else if (reports.length > 1) {
    const passed = reports.filter((report) => report.hasPassed).length;
    terminal.print(`${passed} of ${reports.length} scenarios passed`);
  }
  if (options.junit !== undefined) await writeReport(options.junit, formatJunit(reports));
  return reports.every((report) => report.hasPassed) ? 0 : EXIT_FAILURE;
}

interface RunContext {
  readonly options: RunOptions;
  readonly stop: AbortSignal;
  readonly print: (report: ScenarioReport) => void;
}

async function runOwn(
  { environment, cliFile }: CommandContext,
  files: readonly string[],
  { options, stop, print }: RunContext,
): Promise<readonly ScenarioReport[]> {
  if (options.standIns === true && options.fleet === undefined) {
    const message = '--stand-ins: expected --fleet beside it; a scenario says standIns for its own fleet';
    throw new UserError('BAD_OPTIONS', message, { exitStatus: EXIT_USAGE });
  }
  const { fleet, clock, standIns } = options;
  const loaded = [];
  for (const file of files) loaded.push(await loadScenario(file, environment, { fleet, clock, standIns }));
  const programs = { node: process.execPath, forewarn: [process.execPath, ...process.execArgv, cliFile] };
  const reports: ScenarioReport[] = [];
  for (const run of loaded) {
    const report = await runScenario({ ...run, environment, programs, stop });
    reports.push(report);
    print(report);
  }
  return reports;
}

/** Against an emulator that runs; what a scenario sets there stays. */
async function runAttached(
  context: CommandContext,
  files: readonly string[],
  { options, stop, print }: RunContext,
): Promise<readonly ScenarioReport[]> {
  if (options.fleet !== undefined || options.standIns === true) {
    const message = `--${options.fleet === undefined ? 'stand-ins' : 'fleet'}: expected only without --control: the emulator there has its fleet`;
    throw new UserError('BAD_OPTIONS', message, { exitStatus: EXIT_USAGE });
  }
  const loaded = [];
  for (const file of files) {
    loaded.push(await loadAttachedScenario(file, context.environment, { clock: options.clock }));
  }
  const control = await controlApi(context, options);
  const reports: ScenarioReport[] = [];
  for (const playing of loaded) {
    const report = await runAttachedScenario({ ...playing, stop }, control);
    reports.push(report);
    print(report);
  }
  return reports;
}

async function writeReport(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (error) {
    throw new UserError('CANNOT_WRITE', `--junit: cannot write ${file} (${systemErrorCode(error) ?? 'unknown'})`, {
      exitStatus: EXIT_USAGE,
      cause: error,
    });
  }
}
