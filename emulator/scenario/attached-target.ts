import { z } from 'zod';
import { systemClock } from '../../common/runtime/clock.ts';
import { EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';
import { activitySchema, eventsSchema, eventViewSchema, nothingSchema } from '../client/answers.ts';
import { callControl, type ControlApi } from '../client/control-client.ts';
import { CHANGE_TIMEOUT_MS } from '../client/service.ts';
import { watchControl } from '../client/watch-control.ts';
import { operatedSchema } from '../client/user.ts';
import { STEP_MS } from './own-target.ts';
import { play, type Playing, type ScenarioReport } from './play.ts';
import type { ScenarioTarget, TargetVerb, TargetView } from './target.ts';

const clockSchema = z.looseObject({ nowMs: z.number(), kind: z.enum(['real', 'stepped']) });
const maintenanceSchema = z.looseObject({ id: z.string(), state: z.enum(['under-way', 'completed', 'cancelled']) });
const maintenanceListSchema = z.looseObject({ maintenance: z.array(maintenanceSchema) });
const fleetSchema = z.looseObject({
  publicAddress: z.string().nullable(),
  vms: z.array(z.looseObject({ name: z.string(), isServing: z.boolean().nullable() })),
});

type Listener = Parameters<ScenarioTarget['watch']>[0];

/**
 * Plays a scenario against an emulator that runs already, by its control API. What the scenario sets there (faults, events)
 * stays. Throws a `UserError` when it is not there, has another kind of clock, or ends meanwhile.
 */
export async function runAttachedScenario(run: Playing, control: ControlApi): Promise<ScenarioReport> {
  const { kind, nowMs } = await readClock(control);
  const { name, clock } = run.scenario;
  if (kind !== clock) {
    const message = `scenario ${JSON.stringify(name)} wants a ${clock} clock, and that of the emulator at ${control.url} is ${kind}`;
    throw new UserError('WRONG_CLOCK', message, {
      hint: `give --clock ${kind}, if the scenario can do with it`,
      exitStatus: EXIT_USAGE,
    });
  }
  const { publicAddress } = await callControl(control, { method: 'GET', path: '/fleet' }, fleetSchema);
  const listeners = new Set<Listener>();
  const stopping = new AbortController();
  const watching = watchControl(control, { isRecent: false }, (text) => {
    const activity = activitySchema.parse(JSON.parse(text));
    for (const listener of listeners) listener(activity);
  });
  // Without the emulator nothing more will happen; the run ends with what was wrong, at its next look.
  watching.ended.catch(() => {
    stopping.abort();
  });
  try {
    await watching.opened;
    const target = attachedTarget(control, {
      publicAddress: publicAddress ?? undefined,
      clock: kind === 'real' ? realTime(nowMs) : steppedTime(control, nowMs),
      watch: (listener) => {
        listeners.add(listener);
        return () => {
          listeners.delete(listener);
        };
      },
    });
    const stop = run.stop === undefined ? stopping.signal : AbortSignal.any([run.stop, stopping.signal]);
    const played = play({ ...run, stop }, target);
    return await Promise.race([played, lost(watching.ended, played)]);
  } finally {
    watching.stop();
  }
}

/** Rejects when the emulator has ended, once nothing of the run is left. */
async function lost(ended: Promise<void>, played: Promise<unknown>): Promise<never> {
  try {
    await ended;
  } catch (error) {
    await played.catch(() => {});
    throw error;
  }
  return await new Promise<never>(() => {});
}

interface TargetTime {
  readonly now: () => number;
  readonly pass: (...wanted: Parameters<ScenarioTarget['pass']>) => Promise<void>;
}

/** The emulator's time of day, which on another machine is another. */
function realTime(nowMs: number): TargetTime {
  const aheadMs = nowMs - systemClock.now();
  // On this machine the difference is only that of having asked.
  const shiftMs = Math.abs(aheadMs) < SAME_CLOCK_MS ? 0 : aheadMs;
  return {
    now: () => systemClock.now() + shiftMs,
    pass: async (leftMs, _isWatched, waking) => {
      await systemClock.sleep(leftMs, waking);
    },
  };
}

/** Clocks that are so near each other are taken for one. */
const SAME_CLOCK_MS = 1000;

function steppedTime(control: ControlApi, firstMs: number): TargetTime {
  let nowMs = firstMs;
  return {
    now: () => nowMs,
    pass: async (leftMs, isWatched) => {
      const body = { advanceMs: isWatched ? Math.min(leftMs, STEP_MS) : leftMs };
      ({ nowMs } = await callControl(control, { method: 'POST', path: '/clock', body }, clockSchema));
    },
  };
}

async function readClock(control: ControlApi): Promise<z.output<typeof clockSchema>> {
  return await callControl(control, { method: 'GET', path: '/clock' }, clockSchema);
}

function attachedTarget(
  control: ControlApi,
  parts: Pick<ScenarioTarget, 'publicAddress' | 'watch'> & { readonly clock: TargetTime },
): ScenarioTarget {
  const { publicAddress, watch, clock } = parts;
  return {
    publicAddress,
    now: clock.now,
    pass: clock.pass,
    watch,
    perform: async (verb) => await perform(verb, control),
    look: async () => await look(control, publicAddress !== undefined),
  };
}

async function look(control: ControlApi, isServed: boolean): Promise<TargetView> {
  const { events } = await callControl(control, { method: 'GET', path: '/events' }, eventsSchema);
  const { maintenance } = await callControl(control, { method: 'GET', path: '/maintenance' }, maintenanceListSchema);
  // Only who is behind an address is in rotation or out of it.
  const vms = isServed ? (await callControl(control, { method: 'GET', path: '/fleet' }, fleetSchema)).vms : [];
  const serving = vms.flatMap(({ name, isServing }): [string, boolean][] =>
    isServing === null ? [] : [[name, isServing]],
  );
  return { events, maintenance, serving: new Map(serving) };
}

async function perform(verb: TargetVerb, control: ControlApi): Promise<string | undefined> {
  const post = async <Schema extends z.ZodType>(
    path: string,
    body: unknown,
    schema: Schema,
  ): Promise<z.output<Schema>> =>
    await callControl(control, { method: 'POST', path, body, timeoutMs: CHANGE_TIMEOUT_MS }, schema);
  const onEvent = (event: string, what: string): string => `/events/${encodeURIComponent(event)}/${what}`;
  switch (verb.kind) {
    case 'schedule': {
      const { kind: _kind, as: _as, vms, entry, ...wanted } = verb;
      const how = { started: entry === 'approved-by-policy', fault: entry === 'failure' };
      return (await post('/events', { ...wanted, ...how, resources: vms }, eventViewSchema)).eventId;
    }
    case 'cancel':
    case 'start':
    case 'complete':
      await post(onEvent(verb.event, verb.kind), undefined, nothingSchema);
      return undefined;
    case 'approve':
      await post(onEvent(verb.event, 'approve'), { by: verb.by }, nothingSchema);
      return undefined;
    case 'operate':
      return (await post('/operations', { verb: verb.verb, vm: verb.vm }, operatedSchema)).event?.eventId;
    case 'maintain': {
      const { kind: _kind, as: _as, ...wanted } = verb;
      return (await post('/maintenance', wanted, maintenanceSchema)).id;
    }
    case 'cancel-maintenance':
      await post(`/maintenance/${encodeURIComponent(verb.maintenance)}/cancel`, undefined, nothingSchema);
      return undefined;
    case 'scale':
    case 'upload': {
      const { kind, ...wanted } = verb;
      await post(`/service/${kind}`, wanted, nothingSchema);
      return undefined;
    }
    case 'swap':
      await post('/service/swap', {}, nothingSchema);
      return undefined;
    case 'fault':
      await post('/faults', verb.fault, nothingSchema);
      return undefined;
    case 'clear-faults': {
      const path = `/faults${verb.vm === undefined ? '' : `?vm=${encodeURIComponent(verb.vm)}`}`;
      await callControl(control, { method: 'DELETE', path }, nothingSchema);
      return undefined;
    }
    default:
      return verb satisfies never;
  }
}
