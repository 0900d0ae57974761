import { z } from 'zod';
import { commandSchema, outcomeSchema, recordSchema } from './agreement-messages.ts';

/**
 * What agent and scheduler say to each other, as JSON text messages on one WebSocket that the agent opens (`AGENT_PATH`).
 * README.md beside this file tells the conversation; this is its exact form, used by both sides to check what they receive.
 */

/** Raised when an old agent and a new scheduler could misunderstand each other. Compared at the first message. */
export const PROTOCOL_VERSION = 4;

/** Path of the scheduler's WebSocket for agents. */
export const AGENT_PATH = '/forewarn/v1/agent';

/** Longest message either side accepts, in bytes. An inventory with many disks and interfaces stays far below. */
export const MAX_MESSAGE_BYTES = 256 * 1024;

/** The agent says that it lives this often; the scheduler takes silence for longer than `DEAD_AFTER_MS` as a lost VM. */
export const HEARTBEAT_MS = 5000;
export const DEAD_AFTER_MS = 15_000;

/** Task names are file names on the VM; nothing else may be in them. */
export const TASK_NAME = /^[a-z0-9][a-z0-9-]{0,63}$/;

const name = z.string().min(1).max(256);

const identitySchema = z.strictObject({
  /** Whom an event names together: cloud service, availability set, placement group, or the VM alone. */
  scope: name,
  /** Resource name as the metadata service gives it. */
  name,
  vmId: name,
  role: z.string().max(256),
  updateDomain: z.string().max(64),
  faultDomain: z.string().max(64),
  zone: z.string().max(64),
});
export type VmIdentity = z.output<typeof identitySchema>;

const inventorySchema = z.strictObject({
  hostname: z.string(),
  os: z.string(),
  kernel: z.string(),
  cpuModel: z.string(),
  cpus: z.int().nonnegative(),
  memoryBytes: z.int().nonnegative(),
  bootedAtMs: z.int(),
  addresses: z.array(z.string()).max(256),
  disks: z.array(z.strictObject({ mount: z.string(), sizeBytes: z.number(), usedBytes: z.number() })).max(256),
});
export type Inventory = z.output<typeof inventorySchema>;

/** Something an operator wants on the timeline of the fleet. Kinds are stable; `detail` is a sentence fragment for people. */
export const ACTIVITY_KINDS = [
  'agent.started',
  'event.seen',
  'event.changed',
  'event.started',
  'event.ended',
  'event.cancelled',
  'drain.started',
  'drain.proven',
  'drain.failed',
  'plan.decided',
  'plan.tight',
  'plan.waits',
  'plan.returns',
  'promise.prepared',
  'promise.consented',
  'promise.withdrawn',
  'promise.released',
  'intent',
  'approved',
  'task.started',
  'task.done',
  'restored',
] as const;

const activitySchema = z.strictObject({
  kind: z.enum(ACTIVITY_KINDS),
  atMs: z.number(),
  eventId: z.string().max(64).optional(),
  detail: z.string().max(2000),
});
export type Activity = z.output<typeof activitySchema>;

export const agentHealthSchema = z.strictObject({
  /** No promise and no maintenance keeps the VM out: the gate lets traffic in. */
  inRotation: z.boolean(),
  /** Reconciled after boot, polling, and (where the operator set a probe) the application answers. */
  healthy: z.boolean(),
  /** Why it is out, for people; empty in rotation. */
  reasons: z.array(z.string().max(500)).max(32),
});
export type AgentHealth = z.output<typeof agentHealthSchema>;

const proofSchema = z.strictObject({
  /** base64url of the key's SPKI form: 44 bytes for Ed25519. */
  publicKey: z.string().max(128),
  signature: z.string().max(128),
  /** One-time token, only when the VM enrols. */
  token: z.string().max(128).optional(),
});
/** That the agent holds the key it names; what is signed is in `proof.ts`. */
export type HelloProof = z.output<typeof proofSchema>;

/** One piece of work that the scheduler wants of one VM. A higher attempt makes reports of a lower one void. */
const workIdentity = { workId: name, attempt: z.int().positive() };

/**
 * As much of a `hello` as an agent of every version says: read before anything else, so that one of another version is told
 * that it is, and not that its message was not understood. Never changes.
 */
export const anyHelloSchema = z.object({
  kind: z.literal('hello'),
  protocol: z.int(),
  identity: z.object({ scope: name, name }).optional().catch(undefined),
});

export const agentMessageSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('hello'),
    protocol: z.int(),
    agentVersion: z.string(),
    identity: identitySchema,
    health: agentHealthSchema,
    proof: proofSchema.optional(),
  }),
  /** From now on another key: signed by that one, over the challenge of this connection. Answered by `rotated`. */
  z.strictObject({ kind: z.literal('rotate'), proof: proofSchema }),
  z.strictObject({ kind: z.literal('inventory'), inventory: inventorySchema }),
  z.strictObject({ kind: z.literal('heartbeat'), health: agentHealthSchema }),
  z.strictObject({ kind: z.literal('activity'), activity: activitySchema }),
  /** A write to the record of an event; answered by `answer` with the same id. */
  z.strictObject({ kind: z.literal('command'), id: z.int().nonnegative(), command: commandSchema }),
  /** Asks for every record of its scope that holds an entry of this VM or names it; answered by `records`. */
  z.strictObject({ kind: z.literal('reconcile'), id: z.int().nonnegative() }),
  /** May this VM leave rotation early? At least `minimum` other VMs of its scope and role must be in service; → `mayLeave`. */
  z.strictObject({ kind: z.literal('leave'), id: z.int().nonnegative(), minimum: z.int().positive() }),
  z.strictObject({ kind: z.literal('drained'), ...workIdentity, proven: z.boolean(), detail: z.string().max(2000) }),
  z.strictObject({
    kind: z.literal('taskDone'),
    ...workIdentity,
    ok: z.boolean(),
    exitStatus: z.int().nullable(),
    output: z.string().max(64 * 1024),
    detail: z.string().max(2000),
  }),
  z.strictObject({ kind: z.literal('restored'), ...workIdentity, healthy: z.boolean(), detail: z.string().max(2000) }),
]);
export type AgentMessage = z.output<typeof agentMessageSchema>;

export const schedulerMessageSchema = z.discriminatedUnion('kind', [
  /**
   * The first message on every connection: what the agent must sign to prove who it is. Whatever else a scheduler of another
   * version says in it, or in `refused`, is passed over, so that the two can tell each other what is wrong.
   */
  z.object({ kind: z.literal('challenge'), nonce: z.string().max(128) }),
  z.strictObject({ kind: z.literal('welcome'), protocol: z.int(), now: z.number() }),
  /** The scheduler will not talk to this agent; it closes the connection after this. */
  z.object({
    kind: z.literal('refused'),
    reason: z.string(),
    /** It is the agent's key or token that is not accepted; another of its keys may be. */
    isAboutKey: z.boolean().optional(),
  }),
  /** The new key holds from now on, the old one no longer; or not, and why. */
  z.strictObject({ kind: z.literal('rotated'), problem: z.string().optional() }),
  z.strictObject({
    kind: z.literal('answer'),
    id: z.int().nonnegative(),
    outcome: outcomeSchema,
    record: recordSchema.optional(),
  }),
  z.strictObject({ kind: z.literal('records'), id: z.int().nonnegative(), records: z.array(recordSchema).max(1000) }),
  z.strictObject({
    kind: z.literal('mayLeave'),
    id: z.int().nonnegative(),
    granted: z.boolean(),
    detail: z.string().max(500),
  }),
  /** A record in which this VM has a part has changed. */
  z.strictObject({ kind: z.literal('record'), record: recordSchema }),
  /**
   * Leave rotation for maintenance, until `restore` or until `untilMs` (epoch): a scheduler that dies in the middle must not
   * keep VMs out for ever.
   */
  z.strictObject({ kind: z.literal('drain'), ...workIdentity, reason: z.string().max(500), untilMs: z.number() }),
  z.strictObject({
    kind: z.literal('task'),
    ...workIdentity,
    task: z.string().regex(TASK_NAME),
    parameters: z.record(z.string(), z.json()),
    timeoutMs: z.int().positive(),
    /** The same for every attempt of one occurrence on one VM, so that the task can tell a repetition. */
    idempotencyKey: name,
  }),
  z.strictObject({ kind: z.literal('restore'), ...workIdentity }),
]);
export type SchedulerMessage = z.output<typeof schedulerMessageSchema>;
