import { describe, expect, it } from 'vitest';
import { applyCommand } from '../../../common/agreement/apply-command.ts';
import type { ReportCommand } from '../../../common/agreement/command.ts';
import { recordSchema } from '../../../common/protocol/agreement-messages.ts';
import { agentMessageSchema, schedulerMessageSchema } from '../../../common/protocol/messages.ts';

const report: ReportCommand = {
  kind: 'report',
  scope: 'shop',
  eventId: 'E',
  name: 'a',
  vmId: 'id-a',
  number: 1,
  eventType: 'Reboot',
  resources: ['a', 'b'],
  promise: 'prepared',
  deadlineReached: false,
  localIntent: false,
};

describe('the protocol', () => {
  it('carries a record there and back unchanged', () => {
    const { record } = applyCommand(undefined, report, { now: 1, unmanaged: new Set() });
    expect(recordSchema.parse(JSON.parse(JSON.stringify(record)))).toEqual(record);
  });

  it('carries a command as it is', () => {
    const message = { kind: 'command', id: 7, command: report };
    expect(agentMessageSchema.parse(JSON.parse(JSON.stringify(message)))).toEqual(message);
  });

  it.each([
    { kind: 'command', id: 7, command: { ...report, promise: 'withdrawn' } },
    { kind: 'command', id: -1, command: report },
    { kind: 'command', id: 7, command: { ...report, surprise: true } },
    { kind: 'heartbeat' },
    { kind: 'unheard of' },
  ])('refuses %j', (message) => {
    expect(agentMessageSchema.safeParse(message).success).toBe(false);
  });

  it.each(['../../etc/passwd', 'a b', '', '-rf', 'A'.repeat(3)])('cannot name the task %j', (task) => {
    const message = { kind: 'task', workId: 'w', attempt: 1, task, parameters: {}, timeoutMs: 1, idempotencyKey: 'k' };
    expect(schedulerMessageSchema.safeParse(message).success).toBe(false);
    expect(schedulerMessageSchema.safeParse({ ...message, task: 'patch-os' }).success).toBe(true);
  });
});
