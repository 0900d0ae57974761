import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { Clock } from '../common/runtime/clock.ts';
import { UserError } from '../common/runtime/errors.ts';
import { ask, askOnce, type Asked } from './ask.ts';
import type { Cast } from './programs/cast.ts';
import { waitFor, type Seen } from './wait.ts';

/** The fleet as the demonstration sees and moves it: through the interfaces that a user has. */
export interface Shop {
  /** Waits until every VM is in service: agent connected and in rotation, and healthy or used by the public address. */
  untilWhole(signal: AbortSignal): Promise<void>;
  /** What a web instance says of itself, asked on its own port. */
  frontEnd(vm: string): Promise<FrontEnd>;
  /** The largest gap that a web instance has seen in its own clock. */
  clockOf(vm: string): Promise<ClockGap>;
  /** The process that last took work from the queue under this VM's name. */
  worker(vm: string): Promise<Worker>;
  /** Has the platform announce an event. Returns its id. */
  announce(event: AnnouncedEvent): Promise<string>;
  /** Waits until the event has left the document, its impact done. */
  untilOver(eventId: string, signal: AbortSignal): Promise<EventStory>;
  /** Hands a job file of the example fleet to the scheduler, which starts it at once, and waits for its end. */
  runJob(name: string, file: string, signal: AbortSignal): Promise<JobEnd>;
  /** How many VMs of a role are out of rotation right now, as their agents say. */
  countOut(role: string): Promise<number>;
}

export interface AnnouncedEvent {
  readonly type: 'Freeze' | 'Reboot' | 'Redeploy';
  readonly resources: readonly string[];
  readonly durationSeconds?: number;
  readonly description: string;
}

const frontEndSchema = z.object({
  vm: z.string(),
  pid: z.int(),
  boot: z.int(),
  version: z.string(),
  /** Marks of earlier boots that it found when it started. */
  found: z.object({ disk: z.array(z.string()), temporary: z.array(z.string()) }),
});
export type FrontEnd = z.output<typeof frontEndSchema>;

const clockSchema = z.object({ pid: z.int(), gapMs: z.number(), endedAtMs: z.number() });
export type ClockGap = z.output<typeof clockSchema>;

const workerSchema = z.object({ pid: z.int(), boot: z.int() });
export type Worker = z.output<typeof workerSchema>;

const queueSchema = z.object({ workers: z.record(z.string(), workerSchema) });

const fleetSchema = z.object({
  vms: z.array(
    z.object({
      name: z.string(),
      role: z.string(),
      ports: z.record(z.string(), z.int()),
      /** Null where no public address is in front of it. */
      isServing: z.boolean().nullable(),
    }),
  ),
});

const eventSchema = z.object({
  eventId: z.string(),
  state: z.string(),
  noticeMs: z.number().nullable(),
  noticeLeftMs: z.number().nullable(),
  approvals: z.array(z.object({ by: z.string() })),
});
export type EventStory = z.output<typeof eventSchema>;

const eventsSchema = z.object({ events: z.array(eventSchema) });

const vmsSchema = z.object({
  value: z.array(
    z.object({
      name: z.string(),
      role: z.string(),
      connected: z.boolean(),
      inRotation: z.boolean(),
      healthy: z.boolean(),
      /** Why it is out of rotation. */
      reasons: z.array(z.string()),
    }),
  ),
});

const executionsSchema = z.object({
  value: z.array(z.object({ properties: z.object({ status: z.string(), message: z.string().nullish() }) })),
});

export interface JobEnd {
  readonly status: string;
  readonly message: string;
}

/** Five VMs boot at once on what may be two cores. Afterwards it is one or two at a time. */
const WHOLE_LIMIT_MS = 60_000;
/** From the announcement until the event is gone: at worst the whole notice, the impact and a reboot. */
const OVER_LIMIT_MS = 60_000;
/** Three VMs, one after the other. */
const JOB_LIMIT_MS = 90_000;

const COLLECTION = '/subscriptions/local/resourceGroups/default/providers/Microsoft.Scheduler/jobCollections/shop';
const API_VERSION = 'api-version=2016-03-01';

/** The programs that are asked. */
interface Sources {
  readonly emulator: Asked;
  readonly scheduler: Asked;
  readonly queue: Asked;
  readonly shopFolder: string;
}

export function createShop(cast: Cast, clock: Clock): Shop {
  const sources: Sources = {
    emulator: { what: 'emulator', url: cast.controlUrl },
    scheduler: { what: 'scheduler', url: cast.schedulerUrl },
    queue: { what: 'queue', url: cast.queueUrl },
    shopFolder: cast.shopFolder,
  };
  return {
    untilWhole: async (signal) => {
      const look = async (): Promise<Seen<true>> => await lookForWhole(sources);
      await waitFor({ what: 'every VM to be in service', limitMs: WHOLE_LIMIT_MS, look }, clock, signal);
    },
    frontEnd: async (vm) => await askOnce(await application(sources, vm), '/', frontEndSchema, clock),
    clockOf: async (vm) => await askOnce(await application(sources, vm), '/clock', clockSchema, clock),
    worker: async (vm) => {
      const { workers } = await ask(sources.queue, { method: 'GET', path: '/status' }, queueSchema);
      const found = workers[vm];
      if (found === undefined) throw new UserError('NO_SUCH_WORKER', `no worker of ${vm} has asked the queue for work`);
      return found;
    },
    announce: async (event) => {
      const wanted = { method: 'POST', path: '/events', body: event } as const;
      return (await ask(sources.emulator, wanted, z.object({ eventId: z.string() }))).eventId;
    },
    untilOver: async (eventId, signal) => {
      const look = async (): Promise<Seen<EventStory>> => await lookForEnd(sources, eventId);
      return await waitFor({ what: `event ${eventId} to be over`, limitMs: OVER_LIMIT_MS, look }, clock, signal);
    },
    runJob: async (name, file, signal) => {
      await putJob(sources, name, file);
      const look = async (): Promise<Seen<JobEnd>> => await lookForJobEnd(sources, name);
      return await waitFor({ what: `job ${name} to end`, limitMs: JOB_LIMIT_MS, look }, clock, signal);
    },
    countOut: async (role) => {
      const known = await ask(sources.scheduler, { method: 'GET', path: '/forewarn/v1/vms' }, vmsSchema);
      return known.value.filter((vm) => vm.role === role && !vm.inRotation).length;
    },
  };
}

type FleetVms = z.output<typeof fleetSchema>['vms'];

async function fleet(sources: Sources): Promise<FleetVms> {
  return (await ask(sources.emulator, { method: 'GET', path: '/fleet' }, fleetSchema)).vms;
}

async function application(sources: Sources, vm: string): Promise<Asked> {
  const port = (await fleet(sources)).find((found) => found.name === vm)?.ports['http'];
  if (port === undefined) throw new UserError('NO_SUCH_VM', `expected VM ${vm} with a port http in the fleet`);
  return { what: `application of ${vm}`, url: `http://127.0.0.1:${port}` };
}

async function lookForWhole(sources: Sources): Promise<Seen<true>> {
  const known = await ask(sources.scheduler, { method: 'GET', path: '/forewarn/v1/vms' }, vmsSchema);
  const problems = (await fleet(sources)).flatMap((vm) => {
    const agent = known.value.find((found) => found.name === vm.name);
    if (agent?.connected !== true) return [`the agent of ${vm.name} is not connected to the scheduler`];
    if (!agent.inRotation) return [`${vm.name} is out of rotation (${agent.reasons.join(', ')})`];
    // An agent counts as healthy only once its balancers must have noticed; this one says itself that it has.
    if (vm.isServing === true) return [];
    if (!agent.healthy) return [`${vm.name} is not healthy`];
    return vm.isServing === false ? [`the public address does not use ${vm.name}`] : [];
  });
  return problems.length === 0 ? { value: true } : { missing: problems.join('; ') };
}

async function lookForEnd(sources: Sources, eventId: string): Promise<Seen<EventStory>> {
  const { events } = await ask(sources.emulator, { method: 'GET', path: '/events' }, eventsSchema);
  const event = events.find((found) => found.eventId === eventId);
  if (event === undefined) return { missing: 'the emulator does not know it' };
  return event.state === 'completed' ? { value: event } : { missing: `it is ${event.state}` };
}

async function putJob(sources: Sources, name: string, file: string): Promise<void> {
  const body: unknown = JSON.parse(await readFile(path.join(sources.shopFolder, file), 'utf8'));
  const collection = { location: 'local', properties: {} };
  for (const [resource, content] of [
    [COLLECTION, collection],
    [`${COLLECTION}/jobs/${name}`, body],
  ] as const) {
    const wanted = { method: 'PUT', path: `${resource}?${API_VERSION}`, body: content } as const;
    await ask(sources.scheduler, wanted, z.unknown());
  }
}

async function lookForJobEnd(sources: Sources, name: string): Promise<Seen<JobEnd>> {
  const history = `${COLLECTION}/jobs/${name}/history?${API_VERSION}`;
  const { value } = await ask(sources.scheduler, { method: 'GET', path: history }, executionsSchema);
  const end = value[0]?.properties;
  if (end === undefined) return { missing: 'its history is empty' };
  return { value: { status: end.status, message: end.message ?? '' } };
}
