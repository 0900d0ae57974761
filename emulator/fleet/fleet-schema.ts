import { z } from 'zod';
import { durationSchema } from '../../common/runtime/duration.ts';
import { listenAddressSchema } from '../../common/runtime/listen.ts';
import { DEFAULT_PLATFORM_SETTINGS } from '../platform/state.ts';
import { commandsSchema } from './commands-schema.ts';
import { computeSchema } from './compute-schema.ts';
import { controlAccessShape } from './control-schema.ts';
import { forwardSchema } from './forward-schema.ts';
import { instanceSchema } from './instance-schema.ts';
import { metadataSchema } from './metadata-schema.ts';
import { rulesSchema } from './rules-schema.ts';

/** Where a VM with a network of its own finds its metadata service. */
const METADATA_PLACES = ['network', 'dhcp'] as const;
export type MetadataPlace = (typeof METADATA_PLACES)[number];

/** Most VMs of one role or scale set, and of the stand-alone list: each has a listener of its own. */
const MAX_INSTANCES = 1000;

/** The message of a key that is not what it should be. */
function expected(what: string): (issue: { readonly input?: unknown }) => string {
  return (issue) => `expected ${what}, got ${JSON.stringify(issue.input) ?? 'nothing'}`;
}

/** Names become folder names, environment variables and parts of addresses. */
const nameSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, { error: expected('a name of letters, digits, "_", "-" and "."') });

const commandSchema = z
  .array(z.string().min(1), { error: expected('a command as a list, like [node, app.mjs]') })
  .min(1, { error: expected('a command as a list, like [node, app.mjs]') });

const runSchema = z.record(nameSchema, commandSchema).default({});
const portsSchema = z
  .array(
    z.string().regex(/^[a-z][a-z0-9_]{0,31}$/, { error: expected('a port name of lower-case letters and digits') }),
  )
  .default([]);
const environmentSchema = z.record(z.string().min(1), z.string()).default({});
const tagsSchema = z.record(z.string().min(1), z.string()).default({});

const vmShape = {
  run: runSchema,
  ports: portsSchema,
  environment: environmentSchema,
  tags: tagsSchema,
  instance: instanceSchema.prefault({}),
  /**
   * Where the metadata service is in a VM with a network of its own. `network`: 169.254.169.254, as in every virtual network.
   * `dhcp`: 168.63.129.16, which its DHCP lease names in option 245, as outside of virtual networks (classic VMs).
   */
  metadataAt: z
    .array(z.enum(METADATA_PLACES), { error: expected('a list of network and dhcp') })
    .min(1)
    .default(['network']),
};

/**
 * How Azure Load Balancer decides (Azure docs, Load Balancer health probes): a probe each interval, a change after
 * `threshold` equal results in a row. Azure's own least interval is 5 s; less is allowed here, so that a demonstration does
 * not have to wait.
 */
const probeSchema = z.strictObject({
  port: z.string(),
  path: z
    .string()
    .startsWith('/', { error: expected('a path that starts with "/"') })
    .default('/'),
  interval: durationSchema.default(15_000).refine((ms) => ms >= 50, { error: expected('at least 50ms') }),
  threshold: z.int().min(1).max(20).default(2),
  /**
   * An instance whose probe has failed for so long is replaced by the platform: a new VM, without the old one's disks.
   * `0s` = never. While an event names it, its time does not run; an agent that drains it for a task needs less than this.
   */
  replaceAfter: durationSchema.default(0),
});

export const roleSchema = z
  .strictObject({
    name: nameSchema,
    kind: z.enum(['web', 'worker']),
    instances: z.int().min(1).max(MAX_INSTANCES),
    ...vmShape,
    /** Fixed metadata addresses, one an instance; the rest get a free port. */
    metadata: z.array(listenAddressSchema).default([]),
    serves: z.string().optional(),
    probe: probeSchema.optional(),
  })
  // Also when something else in the role is wrong: whoever mends a file wants to hear of everything at once.
  .superRefine(checkRole, { when: () => true });

export type RoleSettings = z.output<typeof roleSchema>;

/** What of a role its parts must agree on; a part that is wrong by itself is left out, because that is said already. */
const agreeingRoleSchema = z.object({
  kind: z.string().optional().catch(undefined),
  instances: z.number().positive().optional().catch(undefined),
  ports: z.array(z.string()).optional().catch(undefined),
  serves: z.string().optional().catch(undefined),
  probe: z.object({ port: z.string() }).optional().catch(undefined),
  metadata: z.array(z.unknown()).optional().catch(undefined),
});

function checkRole(value: unknown, context: z.core.$RefinementCtx): void {
  const parsed = agreeingRoleSchema.safeParse(value);
  if (!parsed.success) return;
  const { kind, instances, ports, serves, probe, metadata } = parsed.data;
  const issue = (path: (string | number)[], message: string): void => {
    context.addIssue({ code: 'custom', path, message });
  };
  const checkPort = (path: string[], port: string | undefined): void => {
    if (port === undefined || ports === undefined || ports.includes(port)) return;
    const known = ports.length === 0 ? 'it has none' : `its ports are ${ports.join(', ')}`;
    issue(path, `expected the name of one of the role's ports (${known}), got ${JSON.stringify(port)}`);
  };
  checkPort(['serves'], serves);
  checkPort(['probe', 'port'], probe?.port);
  if (kind === 'worker' && serves !== undefined) {
    issue(['serves'], 'expected only in a role of kind web: a worker role is behind no public address');
  }
  const hasProbe = typeof value === 'object' && value !== null && 'probe' in value && value.probe !== undefined;
  if (serves !== undefined && !hasProbe) {
    issue(['probe'], 'expected a probe beside serves: without one no instance would ever count as healthy');
  }
  if (instances !== undefined && metadata !== undefined && metadata.length > instances) {
    issue(['metadata'], `expected at most ${instances} addresses, one an instance, got ${metadata.length}`);
  }
}

const cloudServiceSchema = z.strictObject({
  name: nameSchema,
  publicAddress: listenAddressSchema.optional(),
  /** Where the deployment in the staging slot is tried before it is swapped; nowhere when it is left out. */
  stagingAddress: listenAddressSchema.optional(),
  roles: z.array(roleSchema).min(1),
});

const vmSchema = z.strictObject({
  name: nameSchema,
  ...vmShape,
  metadata: listenAddressSchema.optional(),
  zone: z.string().max(8).default(''),
});

const availabilitySetSchema = z.strictObject({
  name: nameSchema,
  /** Azure allows up to 20 and makes 5 when nothing is said. */
  updateDomains: z.int().min(1).max(20).default(5),
  faultDomains: z.int().min(1).max(3).default(2),
  vms: z.array(vmSchema).min(1).max(MAX_INSTANCES),
});

const scaleSetSchema = z.strictObject({
  name: nameSchema,
  instances: z.int().min(1).max(MAX_INSTANCES),
  updateDomains: z.int().min(1).max(20).default(5),
  faultDomains: z.int().min(1).max(5).default(5),
  /** Zones of the instances, in turn. */
  zones: z.array(z.string().max(8)).default([]),
  /**
   * Whether each VM sees, and may approve, its own events only. Left out: those of GPU sizes in one fault domain do (Azure docs,
   * Scheduled Events, "Scope").
   */
  ownEventsOnly: z.boolean().optional(),
  metadata: z.array(listenAddressSchema).default([]),
  ...vmShape,
});

const notice = DEFAULT_PLATFORM_SETTINGS.noticeMs;
const noticeSchema = z.strictObject({
  Freeze: durationSchema.default(notice.Freeze),
  Reboot: durationSchema.default(notice.Reboot),
  Redeploy: durationSchema.default(notice.Redeploy),
  Preempt: durationSchema.default(notice.Preempt),
  Terminate: durationSchema.default(notice.Terminate),
});

const impactSchema = z.strictObject({
  /** How long the other tenants of the host take to approve. */
  startAfterApproval: durationSchema.default(DEFAULT_PLATFORM_SETTINGS.startAfterApprovalMs),
  afterStart: durationSchema.default(DEFAULT_PLATFORM_SETTINGS.impactAfterStartMs),
  freezeWhenUnknown: durationSchema.default(DEFAULT_PLATFORM_SETTINGS.freezeMs),
  rebootAtLeast: durationSchema.default(DEFAULT_PLATFORM_SETTINGS.rebootAtLeastMs),
  lingerAfterImpact: durationSchema.default(DEFAULT_PLATFORM_SETTINGS.lingerAfterImpactMs),
});

/** A fleet file. */
export const fleetSchema = z.strictObject({
  control: listenAddressSchema.default({ host: '127.0.0.1', port: 7070 }),
  ...controlAccessShape,
  /**
   * `process`: every VM is a tree of processes of this machine. `command`: the VMs are the operator's own, hit by `commands`.
   * `none`: they are whoever connects, and impacts only pass time.
   */
  host: z.enum(['none', 'process', 'command']).default('process'),
  /**
   * Of host process. `loopback`: the VMs share this machine's network, and each is told its own metadata address.
   * `namespaces`: each has a network of its own, with 169.254.169.254 in it (Linux, root).
   */
  network: z.enum(['loopback', 'namespaces']).default('loopback'),
  forward: forwardSchema,
  commands: commandsSchema.optional(),
  /** Where the VMs' disks are, relative to the file; empty = a temporary folder that is removed at the end. */
  folder: z.string().default(''),
  location: z.string().default('westeurope'),
  notice: noticeSchema.prefault({}),
  impact: impactSchema.prefault({}),
  rules: rulesSchema.prefault({}),
  metadata: metadataSchema.prefault({}),
  compute: computeSchema.optional(),
  environment: environmentSchema,
  cloudService: cloudServiceSchema.optional(),
  vms: z.array(vmSchema).max(MAX_INSTANCES).default([]),
  availabilitySets: z.array(availabilitySetSchema).default([]),
  scaleSets: z.array(scaleSetSchema).default([]),
});
export type FleetSettings = z.output<typeof fleetSchema>;
