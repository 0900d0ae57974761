import path from 'node:path';
import { z } from 'zod';
import { canonicalName } from '../common/agreement/names.ts';
import type { Environment } from '../common/runtime/environment.ts';
import { EXIT_USAGE, UserError } from '../common/runtime/errors.ts';
import { formatAddress, isLoopback, listenAddressSchema, type ListenAddress } from '../common/runtime/listen.ts';
import { LOG_LEVELS } from '../common/runtime/log.ts';
import { loadSettings, parseSettings } from '../common/runtime/settings.ts';
import { calendarsSchema, toCalendars } from './blackout-settings.ts';
import { agentsSchema, isEnrolmentRequired } from './enrolment/settings.ts';
import type { Calendars } from './recurrence/blackout.ts';
import { keyFileOf, secretsSchema, type KeyFile } from './secrets/settings.ts';
import { replicaOf, replicaSchema } from './replicas/settings.ts';
import { storeSchema, storeSettingsOf, type StoreSettings } from './store/settings.ts';
import type { Replica } from './store/store.ts';

const DEFAULT_LISTEN: ListenAddress = { host: '127.0.0.1', port: 7080 };

/** As it stands in a Host header. */
const HOST = /^(?:\[[0-9a-f:]+\]|[a-z0-9.-]+)(?::\d{1,5})?$/i;

const schema = z.strictObject({
  listen: listenAddressSchema.default(DEFAULT_LISTEN),
  hosts: z
    .array(z.string().regex(HOST, { error: 'expected a host name, with its port unless that is 80 or 443' }))
    .max(64)
    .default([]),
  store: storeSchema,
  replica: replicaSchema,
  http: z.strictObject({ allowPrivate: z.boolean().default(false) }).default({ allowPrivate: false }),
  coordination: z
    .strictObject({ unmanaged: z.array(z.string().min(1).max(256)).max(10_000).default([]) })
    .default({ unmanaged: [] }),
  agents: agentsSchema,
  secrets: secretsSchema,
  calendars: calendarsSchema,
  log: z.strictObject({ level: z.enum(LOG_LEVELS).default('info') }).default({ level: 'info' }),
});

/** The scheduler's settings, checked; see `examples/shop/scheduler.yaml` for the file. */
export interface SchedulerSettings {
  readonly listen: ListenAddress;
  /** What it is called besides the address it listens on (a balancer's name, a tunnel's port), in lower case. */
  readonly hosts: ReadonlySet<string>;
  readonly store: StoreSettings;
  readonly replica: Replica;
  /** HTTP jobs may call loopback and private addresses; link-local ones never. */
  readonly allowPrivate: boolean;
  /** Canonical names of VMs that the operator says have no agent: nobody waits for their promise. */
  readonly unmanaged: ReadonlySet<string>;
  /** Agents must prove which VM they are. */
  readonly enrolmentRequired: boolean;
  /** Where the keys are that secrets of jobs are kept with; without any, jobs with secrets are refused. */
  readonly keyFile?: KeyFile | undefined;
  /** Blackout calendars, which recurrences refer to by name. */
  readonly calendars?: Calendars;
  readonly logLevel: (typeof LOG_LEVELS)[number];
}

/**
 * Reads the settings file, or the defaults without one (the store is then `forewarn.db` in `folder`). Throws a
 * `SettingsError`, or a `UserError` when the settings would serve the world without authentication.
 */
export async function readSchedulerSettings(
  file: string | undefined,
  environment: Environment,
  folder: string,
): Promise<SchedulerSettings> {
  const raw =
    file === undefined
      ? parseSettings({ file: 'defaults', text: '{}' }, schema, environment)
      : await loadSettings(file, schema, environment);
  if (!isLoopback(raw.listen.host)) {
    throw new UserError(
      'LISTEN_NOT_LOOPBACK',
      `the setting listen is ${formatAddress(raw.listen)}, but without authentication the scheduler serves this machine only`,
      { hint: 'give listen an address of 127.0.0.0/8 or [::1]', exitStatus: EXIT_USAGE },
    );
  }
  const settingsFolder = file === undefined ? folder : path.dirname(file);
  return {
    listen: raw.listen,
    hosts: new Set(raw.hosts.map((host) => host.toLowerCase())),
    store: storeSettingsOf(raw.store, settingsFolder),
    replica: replicaOf(raw.replica),
    allowPrivate: raw.http.allowPrivate,
    unmanaged: new Set(raw.coordination.unmanaged.map(canonicalName)),
    enrolmentRequired: isEnrolmentRequired(raw.agents, raw.listen),
    keyFile: keyFileOf(raw.secrets, environment, settingsFolder),
    calendars: toCalendars(raw.calendars),
    logLevel: raw.log.level,
  };
}
