import path from 'node:path';
import { z } from 'zod';
import type { Environment } from '../common/runtime/environment.ts';
import { durationSchema } from '../common/runtime/duration.ts';
import { isLoopback } from '../common/runtime/listen.ts';
import { LOG_LEVELS } from '../common/runtime/log.ts';
import { loadSettings } from '../common/runtime/settings.ts';
import { absoluteDrainSettings, drainSettings } from './drain/settings.ts';
import { httpSchema } from './http/settings.ts';
import { notificationsSchema } from './notifications/settings.ts';
import { policySchema } from './policy/settings.ts';
import { coordinatorSchema } from './coordinator/settings.ts';
import { hooksSchema, privilegedSchema, tasksSchema } from './hooks/settings.ts';

const text = z.string();
const nonEmpty = text.min(1, { error: 'expected some text, got ""' });

/** A base address of a server: only the kinds that the client behind it speaks. */
function urlSchema(protocols: readonly string[]): z.ZodType<string> {
  const example = `${protocols[0]}//127.0.0.1:8080`;
  return text.refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol), {
    error: (issue) => `expected an address like "${example}", got ${JSON.stringify(issue.input)}`,
  });
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : '';
}

const schedulerUrl = urlSchema(['http:', 'https:', 'ws:', 'wss:']);

/** The settings file of the agent. Every key is optional; an empty file is right for a stand-alone VM on Azure. */
export const agentSettingsSchema = z.strictObject({
  metadata: z
    .strictObject({
      endpoint: z.union([z.literal('auto'), urlSchema(['http:'])]).default('auto'),
      poll: durationSchema.default(1000),
    })
    // Not so for an emulated service on loopback, which benches ask more often.
    .refine(({ endpoint, poll }) => poll >= 200 || isLoopback(hostOf(endpoint)), {
      path: ['poll'],
      error: 'expected at least "200ms": the service allows 5 requests a second',
    })
    .prefault({}),
  identity: z
    .strictObject({ name: nonEmpty.optional(), scope: nonEmpty.optional(), role: text.default('') })
    .prefault({}),
  state: nonEmpty.default('/var/lib/forewarn'),
  socket: nonEmpty.default('/run/forewarn/agent.sock'),
  scheduler: z
    .strictObject({
      url: z
        .union([schedulerUrl, z.array(schedulerUrl).min(1).max(16)], {
          error: (issue) => `expected an address or a list of up to 16, got ${JSON.stringify(issue.input)}`,
        })
        .transform((one) => (typeof one === 'string' ? [one] : one)),
      ca: nonEmpty.optional(),
      enrolmentTokenFile: nonEmpty.optional(),
    })
    .optional(),
  coordinator: coordinatorSchema.optional(),
  ...drainSettings,
  drain: z.strictObject({ timeout: durationSchema.default(60_000) }).prefault({}),
  hooks: hooksSchema.optional(),
  tasks: tasksSchema.optional(),
  privileged: privilegedSchema.optional(),
  events: z.strictObject({ absentFor: durationSchema.default(10_000) }).prefault({}),
  policy: policySchema,
  http: httpSchema.optional(),
  notifications: notificationsSchema,
  log: z.strictObject({ level: z.enum(LOG_LEVELS).default('info') }).prefault({}),
});

/** The validated settings; durations in milliseconds, paths absolute. */
export type AgentSettings = z.output<typeof agentSettingsSchema>;

/** Loads and validates the file; paths in it are relative to it. Throws a `SettingsError` that lists every problem. */
export async function loadAgentSettings(file: string, environment: Environment): Promise<AgentSettings> {
  const settings = await loadSettings(file, agentSettingsSchema, environment);
  const base = path.dirname(path.resolve(file));
  const absolute = (value: string): string => path.resolve(base, value);
  const optional = (value: string | undefined): string | undefined => value && absolute(value);
  return {
    ...absoluteDrainSettings(settings, absolute),
    state: absolute(settings.state),
    socket: absolute(settings.socket),
    scheduler: settings.scheduler && {
      ...settings.scheduler,
      ca: optional(settings.scheduler.ca),
      enrolmentTokenFile: optional(settings.scheduler.enrolmentTokenFile),
    },
    coordinator: withAbsoluteFile(settings.coordinator, absolute),
    http: settings.http && {
      ...settings.http,
      tokenFile: settings.http.tokenFile && absolute(settings.http.tokenFile),
    },
    notifications: settings.notifications.map((target) => ({
      ...target,
      urlFile: target.urlFile && absolute(target.urlFile),
      authorizationFile: target.authorizationFile && absolute(target.authorizationFile),
    })),
    hooks: settings.hooks && { ...settings.hooks, folder: absolute(settings.hooks.folder) },
    tasks: settings.tasks && { ...settings.tasks, folder: absolute(settings.tasks.folder) },
    privileged: settings.privileged && {
      socket: absolute(settings.privileged.socket),
      folder: absolute(settings.privileged.folder),
    },
  };
}

function withAbsoluteFile(
  settings: AgentSettings['coordinator'],
  absolute: (value: string) => string,
): AgentSettings['coordinator'] {
  if (settings?.kind !== 'blob' || settings.connectionStringFile === undefined) return settings;
  return { ...settings, connectionStringFile: absolute(settings.connectionStringFile) };
}

/** Absence for a shorter time than this was seen to be wrong in simulations with passing faults of the service. */
export const SAFE_ABSENCE_MS = 10_000;
