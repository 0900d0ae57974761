import { z } from 'zod';
import { durationSchema, parseDurationOrUndefined } from '../../common/runtime/duration.ts';
import { listenAddressSchema } from '../../common/runtime/listen.ts';

const text = z.string();
const nonEmpty = text.min(1, { error: 'expected some text, got ""' });
const variables = z.record(text.regex(/^[A-Za-z_][A-Za-z0-9_]*$/), text).default({});

function urlSchema(protocols: readonly string[]): z.ZodType<string> {
  return text.refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol), {
    error: (issue) =>
      `expected an address like "${protocols[0]}//127.0.0.1:8080/path", got ${JSON.stringify(issue.input)}`,
  });
}

const portSchema = z
  .union([z.int(), text.regex(/^\d{1,5}$/).transform(Number)])
  .refine((port) => port > 0 && port < 65_536, {
    error: (issue) => `expected a port between 1 and 65535, got ${JSON.stringify(issue.input)}`,
  });

const expectedDuration = (value: unknown): string =>
  `expected a duration like "30s", or "never", got ${JSON.stringify(value) ?? 'nothing'}`;

const durationOrNever = z
  .string({ error: (issue) => expectedDuration(issue.input) })
  .transform((value, context): number | 'never' => {
    const ms = value === 'never' ? value : parseDurationOrUndefined(value);
    if (ms !== undefined) return ms;
    context.addIssue({ code: 'custom', message: expectedDuration(value) });
    return z.NEVER;
  });

/** `200`, `200-399`, `"200-299,404"`, as Application Gateway and Traffic Manager write what they expect. */
const statusesSchema = z
  .union([z.int(), text])
  .transform(String)
  .refine((value) => /^\d{3}(-\d{3})?(,\d{3}(-\d{3})?)*$/.test(value), {
    error: (issue) => `expected statuses like "200" or "200-399", got ${JSON.stringify(issue.input)}`,
  })
  .transform((value) =>
    value.split(',').map((part) => {
      const [from = '', to = from] = part.split('-');
      return { from: Number(from), to: Number(to) };
    }),
  );

const applicationProbeSchema = z.union([
  urlSchema(['http:']).transform((url) => ({ url, status: [{ from: 200, to: 200 }], body: undefined, timeout: 1000 })),
  z.strictObject({
    url: urlSchema(['http:']),
    status: statusesSchema.default([{ from: 200, to: 200 }]),
    body: nonEmpty.optional(),
    timeout: durationSchema.default(1000),
  }),
]);

/** What the application's own probe is asked, and what it must answer: a status in one of the ranges, `body` somewhere. */
export type ApplicationProbe = z.output<typeof applicationProbeSchema>;

const gateSchema = z.strictObject({
  listen: listenAddressSchema,
  detection: durationSchema.default(15_000),
  applicationProbe: applicationProbeSchema.optional(),
  answer: z
    .strictObject({
      status: z.int().min(200).max(399).default(200),
      body: text.max(1024, { error: 'expected at most 1024 characters' }).optional(),
    })
    .prefault({}),
  tcp: listenAddressSchema.optional(),
});

const haproxySocketSchema = z.union([
  nonEmpty.transform((address) => ({ address, stateFile: undefined })),
  z.strictObject({ address: nonEmpty, stateFile: nonEmpty.optional() }),
]);

const haproxySchema = z.strictObject({
  sockets: z.array(haproxySocketSchema).min(1, { error: 'expected at least one socket' }).max(32),
  server: text.regex(/^[^\s/;]+\/[^\s/;]+$/, { error: 'expected "backend/server"' }),
  maintAfter: durationOrNever.default(10_000),
  shutdownAfter: durationOrNever.default(40_000),
});

const nginxSchema = z.strictObject({
  file: nonEmpty,
  server: text.regex(/^[^\s;{}#"']+$/, {
    error: 'expected the address as it is in the file, like "127.0.0.1:8080"',
  }),
  program: nonEmpty.default('/usr/sbin/nginx'),
  config: nonEmpty.optional(),
  pidFile: nonEmpty.default('/run/nginx.pid'),
});

/** Names of systemd units: what systemctl takes without seeing an option or a path in it. */
const UNIT_NAME = /^[A-Za-z0-9][A-Za-z0-9:_.@\\-]{0,254}\.[a-z]+$/;

const unitsSchema = z.strictObject({
  names: z
    .array(text.regex(UNIT_NAME, { error: 'expected the name of a unit, like "web.service"' }))
    .min(1, { error: 'expected at least one unit' })
    .max(32),
  program: nonEmpty.default('/usr/bin/systemctl'),
  timeout: durationSchema.default(60_000),
});

/** As the privileged unit takes them: nothing that a shell or an option parser would read otherwise. */
const WORD = /^[A-Za-z0-9@._:/][A-Za-z0-9@._:/-]*$/;

const commandSchema = z.union(
  [
    z.strictObject({
      file: nonEmpty,
      parameters: z.array(text.max(1000)).max(16).default([]),
      environment: variables,
      timeout: durationSchema.default(30_000),
    }),
    z.strictObject({
      action: text.regex(/^[a-z0-9-]{1,64}$/, { error: 'expected a name of a-z, 0-9 and -' }),
      words: z
        .array(text.regex(WORD, { error: 'expected letters, digits and @._:/-' }))
        .max(7)
        .default([]),
      timeout: durationSchema.default(30_000),
    }),
  ],
  { error: 'expected { file: PATH } or { action: NAME }, and only keys that belong to it' },
);

export type CommandSettings = z.output<typeof commandSchema>;

const callSchema = z.strictObject({
  url: urlSchema(['http:', 'https:']),
  method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']).default('POST'),
  headers: z.record(text.regex(/^[A-Za-z0-9-]+$/), text).default({}),
  secretHeaders: z.record(text.regex(/^[A-Za-z0-9-]+$/), nonEmpty).default({}),
  body: text.max(65_536).optional(),
});

/** One HTTP call; `secretHeaders` are files that hold the header's value, read at each call. */
export type WebhookCall = z.output<typeof callSchema>;

const webhookSchema = z.strictObject({
  name: text.regex(/^[a-z0-9-]{1,64}$/, { error: 'expected a name of a-z, 0-9 and -' }),
  turnAway: callSchema,
  read: callSchema.optional(),
  backIn: callSchema,
  timeout: durationSchema.default(5000),
});

export type WebhookSettings = z.output<typeof webhookSchema>;

/** The keys of the agent's settings file that say how traffic reaches this VM. */
export const drainSettings = {
  gate: gateSchema.optional(),
  haproxy: z.array(haproxySchema).max(64).default([]),
  nginx: z.array(nginxSchema).max(16).default([]),
  units: z.array(unitsSchema).max(16).default([]),
  commands: z.array(commandSchema).max(16).default([]),
  webhooks: z.array(webhookSchema).max(16).default([]),
  connections: z.strictObject({ ports: z.array(portSchema).min(1).max(64) }).optional(),
};

const parsedSchema = z.strictObject(drainSettings);
export type DrainSettings = z.output<typeof parsedSchema>;

/** The same with paths that are relative to the settings file made absolute. Sockets stay: HAProxy's may be host:port. */
export function absoluteDrainSettings<Settings extends DrainSettings>(
  settings: Settings,
  absolute: (value: string) => string,
): Settings {
  const secretHeaders = (call: WebhookCall): WebhookCall => ({
    ...call,
    secretHeaders: Object.fromEntries(Object.entries(call.secretHeaders).map(([name, file]) => [name, absolute(file)])),
  });
  return {
    ...settings,
    haproxy: settings.haproxy.map((entry) => ({
      ...entry,
      sockets: entry.sockets.map((socket) => ({
        ...socket,
        stateFile: socket.stateFile === undefined ? undefined : absolute(socket.stateFile),
      })),
    })),
    nginx: settings.nginx.map((entry) => ({
      ...entry,
      file: absolute(entry.file),
      config: entry.config === undefined ? undefined : absolute(entry.config),
      pidFile: absolute(entry.pidFile),
    })),
    commands: settings.commands.map((entry) => ('file' in entry ? { ...entry, file: absolute(entry.file) } : entry)),
    webhooks: settings.webhooks.map((entry) => ({
      ...entry,
      turnAway: secretHeaders(entry.turnAway),
      read: entry.read === undefined ? undefined : secretHeaders(entry.read),
      backIn: secretHeaders(entry.backIn),
    })),
  };
}
