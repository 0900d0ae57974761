import path from 'node:path';
import { z } from 'zod';
import { canonicalName } from '../common/agreement/names.ts';
import type { Environment } from '../common/runtime/environment.ts';
import { listenAddressSchema, type ListenAddress } from '../common/runtime/listen.ts';
import { LOG_LEVELS } from '../common/runtime/log.ts';
import { loadSettings, parseSettings } from '../common/runtime/settings.ts';
import { accessOf, accessSchema, tlsSchema, type AccessSettings, type TlsSettings } from './access/settings.ts';
import {
  actionSettingsOf,
  httpSchema,
  serviceBusSchema,
  storageQueueSchema,
  type ActionSettings,
} from './actions/settings.ts';
import { calendarsSchema, toCalendars } from './blackout-settings.ts';
import { agentsSchema, isEnrolmentRequired } from './enrolment/settings.ts';
import { plansOf, plansSchema, type Plans } from './jobs/plans.ts';
import type { Calendars } from './recurrence/blackout.ts';
import { keyFileOf, secretsSchema, type KeyFile } from './secrets/settings.ts';
import { replicaOf, replicaSchema } from './replicas/settings.ts';
import { storeSchema, storeSettingsOf, type StoreSettings } from './store/settings.ts';
import type { Replica } from './store/store.ts';

const DEFAULT_LISTEN: ListenAddress = { host: '127.0.0.1', port: 7080 };

/** Without a settings file it is tried out, by whoever is on this machine. */
const DEFAULTS = '{ access: { loopback: open } }';

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
  http: httpSchema,
  storageQueue: storageQueueSchema,
  serviceBus: serviceBusSchema,
  coordination: z
    .strictObject({ unmanaged: z.array(z.string().min(1).max(256)).max(10_000).default([]) })
    .default({ unmanaged: [] }),
  agents: agentsSchema,
  secrets: secretsSchema,
  plans: plansSchema,
  access: accessSchema,
  tls: tlsSchema,
  calendars: calendarsSchema,
  metrics: z.boolean().default(true),
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
  /** The other settings of actions; without them the defaults. */
  readonly actions?: ActionSettings;
  /** Canonical names of VMs that the operator says have no agent: nobody waits for their promise. */
  readonly unmanaged: ReadonlySet<string>;
  /** Agents must prove which VM they are. */
  readonly enrolmentRequired: boolean;
  /** Who may use it; without this, everybody who can connect. */
  readonly access?: AccessSettings;
  readonly tls?: TlsSettings | undefined;
  /** Where the keys are that secrets of jobs are kept with; without any, jobs with secrets are refused. */
  readonly keyFile?: KeyFile | undefined;
  /** What the plans of collections allow; as documented unless set otherwise. */
  readonly plans?: Plans;
  /** Blackout calendars, which recurrences refer to by name. */
  readonly calendars?: Calendars;
  /** `GET /metrics` for Prometheus; false (or absent) saves its library's memory. */
  readonly metrics?: boolean;
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
      ? parseSettings({ file: 'defaults', text: DEFAULTS }, schema, environment)
      : await loadSettings(file, schema, environment);
  const settingsFolder = file === undefined ? folder : path.dirname(file);
  return {
    listen: raw.listen,
    hosts: new Set(raw.hosts.map((host) => host.toLowerCase())),
    store: storeSettingsOf(raw.store, settingsFolder),
    replica: replicaOf(raw.replica),
    allowPrivate: raw.http.allowPrivate,
    actions: actionSettingsOf(raw, settingsFolder),
    ...accessOf(raw, settingsFolder),
    unmanaged: new Set(raw.coordination.unmanaged.map(canonicalName)),
    enrolmentRequired: isEnrolmentRequired(raw.agents, raw.listen),
    keyFile: keyFileOf(raw.secrets, environment, settingsFolder),
    plans: plansOf(raw.plans),
    calendars: toCalendars(raw.calendars),
    metrics: raw.metrics,
    logLevel: raw.log.level,
  };
}
