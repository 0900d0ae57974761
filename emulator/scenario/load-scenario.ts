import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import { EXIT_USAGE, systemErrorCode, UserError } from '../../common/runtime/errors.ts';
import type { Environment } from '../../common/runtime/environment.ts';
import { loadSettings } from '../../common/runtime/settings.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { defaultFleet, loadFleet, parseFleet } from '../fleet/load-fleet.ts';
import type { Playing } from './play.ts';
import type { Step } from './pure/steps.ts';
import type { ScenarioRun } from './run-scenario.ts';
import { scenarioSchema, type ScenarioFile } from './scenario-schema.ts';

/** What the command line says besides the file. */
export interface ScenarioOverrides {
  /** A fleet file instead of the scenario's; its VMs are somebody's, so nobody stands in for them unless `standIns`. */
  readonly fleet?: string | undefined;
  readonly clock?: 'real' | 'stepped' | undefined;
  readonly standIns?: boolean | undefined;
}

/** A scenario as far as it says the same wherever it is played. */
interface LoadedScenario extends Playing {
  readonly found: ScenarioFile;
}

/** Reads a scenario to be played against an emulator that runs already: its fleet and stand-ins do not count. */
export async function loadAttachedScenario(
  file: string,
  environment: Environment,
  overrides: Pick<ScenarioOverrides, 'clock'> = {},
): Promise<Playing> {
  const { scenario, gates } = await load(file, environment, overrides.clock);
  return { scenario, gates };
}

/** Reads a scenario and its fleet. Throws a `SettingsError` that names every problem. */
export async function loadScenario(
  file: string,
  environment: Environment,
  overrides: ScenarioOverrides = {},
): Promise<Pick<ScenarioRun, 'scenario' | 'fleet' | 'gates' | 'standIns'>> {
  const { found, scenario, gates } = await load(file, environment, overrides.clock);
  const fleet =
    overrides.fleet === undefined
      ? await fleetOf(found, path.resolve(file), environment)
      : await loadFleet(overrides.fleet, environment);
  const isPlayed = overrides.fleet === undefined ? found.standIns !== undefined : overrides.standIns === true;
  const approveAfter = found.standIns?.approveAfter ?? DEFAULT_APPROVE_AFTER_MS;
  return {
    scenario,
    gates,
    // A run has its emulator to itself; two at a time must not fight over a port.
    fleet: { ...fleet, control: { host: '127.0.0.1', port: 0 } },
    standIns: isPlayed ? { approveAfterMs: approveAfter === 'never' ? undefined : approveAfter } : undefined,
  };
}

async function load(
  file: string,
  environment: Environment,
  otherClock: ScenarioOverrides['clock'],
): Promise<LoadedScenario> {
  const found = await loadSettings(file, scenarioSchema, environment);
  const { name, description, gates, clock: ownClock } = found;
  const clock = otherClock ?? ownClock;
  refuseClock(found, clock);
  const steps = await Promise.all(found.steps.map(async ({ step }) => await withUpload(step, path.dirname(file))));
  return { found, gates, scenario: { name, description, clock, steps } };
}

/** Whatever is uploaded is read now: a file that is not there is a mistake in the scenario, not an outcome of it. */
async function withUpload(step: Step, folder: string): Promise<Step> {
  if (step.kind !== 'upload') return step;
  const file = path.resolve(folder, step.file);
  try {
    return { ...step, file, text: await readFile(file, 'utf8') };
  } catch (error) {
    const message = `upload: cannot read ${file}: ${systemErrorCode(error) ?? 'failed'}`;
    throw new UserError('FILE_UNREADABLE', message, { exitStatus: EXIT_USAGE, cause: error });
  }
}

/** What the file may say under its own clock need not go with another. */
function refuseClock(found: ScenarioFile, clock: 'real' | 'stepped'): void {
  const steppedOnly = found.steps.some(({ key }) => key === 'advance');
  const realOnly = found.steps.some(({ key }) => key === 'load') || Object.keys(found.gates).length > 0;
  if (!(clock === 'real' ? steppedOnly : realOnly)) return;
  const why =
    clock === 'real'
      ? 'it has advance steps, and the real clock cannot be moved'
      : 'it has load or gates, which go over the network and which no stepping moves';
  throw new UserError(
    'WRONG_CLOCK',
    `--clock ${clock} does not go with scenario ${JSON.stringify(found.name)}: ${why}`,
    {
      exitStatus: EXIT_USAGE,
    },
  );
}

/** Long enough to be seen out by a balancer that probes every second or oftener. */
const DEFAULT_APPROVE_AFTER_MS = 2000;

async function fleetOf(found: ScenarioFile, file: string, environment: Environment): Promise<Fleet> {
  const folder = path.dirname(file);
  if (found.fleet === undefined) return { ...defaultFleet(folder), vms: withoutAddress(defaultFleet(folder)) };
  if (typeof found.fleet === 'string') return await loadFleet(path.resolve(folder, found.fleet), environment);
  // Variables were put in when the scenario was read.
  return parseFleet({ file: path.join(folder, `${path.basename(file)} (fleet)`), text: stringify(found.fleet) });
}

/** The default fleet's fixed port is for people with curl; a scenario asks no one to know it. */
function withoutAddress(fleet: Fleet): Fleet['vms'] {
  return fleet.vms.map((vm) => ({ ...vm, metadata: undefined }));
}
