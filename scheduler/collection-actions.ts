import { z } from 'zod';
import type { CommandContext } from '../common/runtime/command.ts';
import { EXIT_USAGE, UserError } from '../common/runtime/errors.ts';
import { formatTable } from '../common/runtime/terminal.ts';
import { askForAll, askScheduler, schedulerLocation } from './client.ts';
import { API_VERSION, collectionPath } from './job-actions.ts';

export interface CollectionOptions {
  readonly subscription: string;
  readonly resourceGroup: string;
  readonly scheduler?: string;
  readonly json?: true;
  readonly location?: string;
  readonly plan?: string;
  readonly maxJobCount?: string;
  readonly frequency?: string;
  readonly interval?: string;
  readonly state?: string;
  readonly tag?: readonly string[];
}

const collectionSchema = z.object({
  id: z.string(),
  name: z.string(),
  location: z.string(),
  properties: z.object({
    sku: z.object({ name: z.string() }),
    state: z.string(),
    quota: z
      .object({
        maxJobCount: z.number().optional(),
        maxRecurrence: z.object({ frequency: z.string(), interval: z.number() }).optional(),
      })
      .optional(),
  }),
});

const billingSchema = z.object({
  plans: z.array(z.object({ plan: z.string(), collections: z.number(), units: z.number() })),
  limits: z.record(z.string(), z.object({ collections: z.number(), jobs: z.number() })),
});

/** Creates a collection that is not there, or changes one that is. */
export async function writeCollection(
  context: CommandContext,
  name: string,
  verb: 'create' | 'update',
  options: CollectionOptions,
): Promise<void> {
  const location = schedulerLocation(context, options.scheduler);
  const path = `${collectionPath({ ...options, collection: name })}?${API_VERSION}`;
  if (verb === 'create') {
    const found = await askScheduler(location, { method: 'GET', path }, [200, 404]);
    if (found.status === 200) {
      throw new UserError('COLLECTION_EXISTS', `the job collection ${name} exists already`, {
        hint: 'forewarn collection update changes it',
      });
    }
  }
  const method = verb === 'create' ? 'PUT' : 'PATCH';
  const { body } = await askScheduler(location, { method, path, body: collectionBody(options) });
  const { properties } = collectionSchema.parse(body);
  print(context, options, body, `${verb}d ${name}: ${properties.sku.name}, ${properties.state.toLowerCase()}`);
}

function collectionBody(options: CollectionOptions): Record<string, unknown> {
  const { frequency, interval } = options;
  if ((frequency === undefined) !== (interval === undefined)) {
    throw usage('--frequency and --interval: expected both or neither');
  }
  const quota = given({
    maxJobCount: numberOf('--max-job-count', options.maxJobCount),
    maxRecurrence: frequency === undefined ? undefined : { frequency, interval: numberOf('--interval', interval) },
  });
  const sku = options.plan === undefined ? undefined : { name: options.plan };
  const tags = options.tag === undefined ? undefined : Object.fromEntries(options.tag.map(tagOf));
  return {
    ...given({ location: options.location, tags }),
    properties: given({ sku, state: options.state, quota }) ?? {},
  };
}

export async function listCollections(
  context: CommandContext,
  options: CollectionOptions & { readonly all?: true },
): Promise<void> {
  const part = encodeURIComponent;
  const group = options.all ? '' : `/resourceGroups/${part(options.resourceGroup)}`;
  const path = `/subscriptions/${part(options.subscription)}${group}/providers/Microsoft.Scheduler/jobCollections?${API_VERSION}`;
  const body = { value: await askForAll(schedulerLocation(context, options.scheduler), path) };
  const rows = z
    .array(collectionSchema)
    .parse(body.value)
    .map(({ id, name, location, properties: { sku, state, quota } }) => [
      name,
      id.split('/')[4] ?? '',
      location,
      sku.name,
      state,
      `${quota?.maxJobCount ?? '-'}`,
      quota?.maxRecurrence === undefined
        ? '-'
        : `every ${quota.maxRecurrence.interval} ${quota.maxRecurrence.frequency}`,
    ]);
  const headings = ['COLLECTION', 'GROUP', 'LOCATION', 'PLAN', 'STATE', 'MAX JOBS', 'MAX RECURRENCE'];
  print(context, options, body, formatTable(headings, rows, 'no job collections'));
}

export async function showCollection(context: CommandContext, name: string, options: CollectionOptions): Promise<void> {
  const path = `${collectionPath({ ...options, collection: name })}?${API_VERSION}`;
  const { body } = await askScheduler(schedulerLocation(context, options.scheduler), { method: 'GET', path });
  context.terminal.print(JSON.stringify(body, null, 2));
}

export async function changeCollection(
  context: CommandContext,
  name: string,
  verb: 'enable' | 'disable' | 'delete',
  options: CollectionOptions,
): Promise<void> {
  const at = collectionPath({ ...options, collection: name });
  await askScheduler(
    schedulerLocation(context, options.scheduler),
    verb === 'delete'
      ? { method: 'DELETE', path: `${at}?${API_VERSION}` }
      : { method: 'POST', path: `${at}/${verb}?${API_VERSION}` },
  );
  print(context, options, { [`${verb}d`]: name }, `${verb}d ${name}`);
}

export async function showBilling(context: CommandContext, options: CollectionOptions): Promise<void> {
  const path = `/forewarn/v1/subscriptions/${encodeURIComponent(options.subscription)}/billing`;
  const { body } = await askScheduler(schedulerLocation(context, options.scheduler), { method: 'GET', path });
  const { plans, limits } = billingSchema.parse(body);
  const rows = plans.map(({ plan, collections, units }) => [
    plan,
    `${collections}`,
    `${limits[plan]?.collections ?? '-'}`,
    `${limits[plan]?.jobs ?? '-'}`,
    `${units}`,
  ]);
  const headings = ['PLAN', 'COLLECTIONS', 'AT MOST', 'JOBS IN EACH', 'BILLING UNITS'];
  print(context, options, body, formatTable(headings, rows, 'no plans'));
}

function print(context: CommandContext, options: CollectionOptions, data: unknown, text: string): void {
  context.terminal.print(options.json ? JSON.stringify(data, null, 2) : text);
}

function tagOf(text: string): readonly [string, string] {
  const equals = text.indexOf('=');
  if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)];
  throw usage(`--tag: expected a tag like team=shop, got ${JSON.stringify(text)}`);
}

function numberOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw usage(`${option}: expected a whole number, got ${JSON.stringify(text)}`);
}

function usage(message: string): UserError {
  return new UserError('COLLECTION_OPTIONS', message, { exitStatus: EXIT_USAGE });
}

/** Without the fields that nobody gave; undefined when that leaves none. */
function given(fields: Record<string, unknown>): Record<string, unknown> | undefined {
  const present = Object.entries(fields).filter(([, value]) => value !== undefined);
  return present.length === 0 ? undefined : Object.fromEntries(present);
}
