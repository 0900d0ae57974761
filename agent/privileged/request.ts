import { z } from 'zod';
import { TASK_NAME } from '../../common/protocol/messages.ts';
import { HOOK_PHASES } from '../core/hook-phase.ts';
import { HOOK_NAME } from '../hooks/list-hooks.ts';
import { MAX_TASK_MS } from '../hooks/tasks.ts';

/**
 * What the confined agent may ask the privileged unit for, and what it is answered. One connection, one line of JSON each way:
 *
 *   agent → unit    {"kind":"hook",…}   a file of PRIVILEGED/<phase>/, with the event
 *                   {"kind":"task",…}   a file of PRIVILEGED/tasks/, with parameters
 *                   {"kind":"action",…} a file of PRIVILEGED/ itself, with words (for drains)
 *   unit → agent    {"ok":true,"exitStatus":0,"output":"…","stdout":"…","detail":"exited with status 0"}
 *
 * The request names files and never holds a path, a command or an environment variable. When the agent closes the connection
 * before it has the answer, what was started is ended.
 */

/** A request is an event or a task with its parameters; both are small. */
export const MAX_REQUEST_BYTES = 256 * 1024;

/** Words of an action: enough for names of servers, units and addresses; none that a program could take for an option. */
const WORD = /^[A-Za-z0-9_@.:/][A-Za-z0-9_@.:/-]{0,127}$/;
const MAX_WORDS = 16;

const timeoutMs = z.int().positive().max(MAX_TASK_MS);
const vmName = z.string().max(256);

/** Handed on as it is; what the agent says besides, a later version of it may. */
const subjectSchema = z.looseObject({
  eventId: z.string(),
  eventType: z.string(),
  status: z.string(),
  resources: z.array(z.string()),
  notBeforeMs: z.number().nullable(),
  description: z.string(),
  source: z.string(),
  durationSeconds: z.number(),
});

export const requestSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('hook'),
    phase: z.enum(HOOK_PHASES),
    name: z.string().regex(HOOK_NAME),
    subject: subjectSchema,
    vmName,
    timeoutMs,
  }),
  z.strictObject({
    kind: z.literal('task'),
    order: z.object({
      workId: z.string().max(256),
      attempt: z.int(),
      task: z.string().regex(TASK_NAME),
      parameters: z.record(z.string(), z.unknown()),
      timeoutMs,
      idempotencyKey: z.string().max(512),
    }),
    vmName,
    timeoutMs,
  }),
  z.strictObject({
    kind: z.literal('action'),
    action: z.string().regex(TASK_NAME),
    words: z.array(z.string().regex(WORD)).max(MAX_WORDS),
    input: z.unknown(),
    timeoutMs,
  }),
]);
export type PrivilegedRequest = z.output<typeof requestSchema>;

export const answerSchema = z.strictObject({
  ok: z.boolean(),
  exitStatus: z.int().nullable(),
  output: z.string(),
  stdout: z.string(),
  detail: z.string(),
});
