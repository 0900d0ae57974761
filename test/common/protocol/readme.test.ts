import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { applyCommand } from '../../../common/agreement/apply-command.ts';
import { REFUSALS, type AgreementCommand } from '../../../common/agreement/command.ts';
import {
  AGREEMENT_PHASES,
  LEASE_MS,
  LEASE_RENEW_MS,
  PROMISE_STATES,
  type AgreementRecord,
} from '../../../common/agreement/record.ts';
import { commandSchema } from '../../../common/protocol/agreement-messages.ts';
import {
  agentMessageSchema,
  DEAD_AFTER_MS,
  HEARTBEAT_MS,
  PROTOCOL_VERSION,
  schedulerMessageSchema,
} from '../../../common/protocol/messages.ts';
import { seededRandom } from '../../../common/runtime/random.ts';

const PAGE = readFileSync(path.resolve(import.meta.dirname, '../../../common/protocol/README.md'), 'utf8');

const kindsOf = (options: readonly { readonly shape: { readonly kind: { readonly value: string } } }[]): string[] =>
  options.map(({ shape }) => shape.kind.value);

/** The edges `from --> to` of the drawing under a heading, without those that lead back to where they began. */
function drawn(heading: string): string[] {
  const section = PAGE.slice(PAGE.indexOf(`## ${heading}`));
  const drawing = /```mermaid\n([^]*?)```/.exec(section)?.[1] ?? '';
  const edges = [...drawing.matchAll(/(\S+) --> (\w+):/g)].map(([, from, to]) => [from, to]);
  return edges.filter(([from, to]) => from !== to).map((edge) => edge.join(' → '));
}

/** Edges that a record took in random walks of two VMs and an operator. */
function walked(): Set<string> {
  const random = seededRandom(1);
  const edges = new Set<string>();
  const event = { scope: 's', eventId: 'E1', eventType: 'Reboot' };
  for (let walk = 0; walk < 200; walk++) {
    let record: AgreementRecord | undefined;
    for (let step = 1; step <= 40; step++) {
      const holder = random.fraction() < 0.5 ? 'a' : 'b';
      const term = record?.term ?? 0;
      const resources = random.fraction() < 0.8 ? ['a', 'b'] : ['a', 'b', 'c'];
      const self = { ...event, name: holder, vmId: holder, number: step };
      const isPrepared = random.fraction() < 0.8;
      const commands: readonly AgreementCommand[] = [
        {
          ...self,
          kind: 'report',
          resources,
          promise: isPrepared ? 'prepared' : 'released',
          deadlineReached: false,
          localIntent: false,
        },
        { kind: 'campaign', ...event, holder },
        { kind: 'campaign', ...event, holder },
        { kind: 'intend', ...event, holder, term, hash: record?.hash ?? '' },
        { kind: 'intend', ...event, holder, term, hash: record?.hash ?? '' },
        { kind: 'approve', ...event, holder, term },
        { kind: 'reopen', ...event, holder, term, resources },
        { kind: 'end', ...event, holder, term },
        { ...self, kind: 'withdraw' },
        { kind: 'force', ...event, by: 'o', reason: 'r' },
      ];
      const command = commands[Math.floor(random.fraction() * commands.length)] as AgreementCommand;
      const after = applyCommand(record, command, { now: step * (LEASE_MS / 4), unmanaged: new Set() }).record;
      const [from, to] = [record?.phase ?? '[*]', after?.phase ?? '[*]'];
      if (from !== to) edges.add(`${from} → ${to}`);
      record = after;
    }
  }
  return edges;
}

describe('the page of the protocol', () => {
  it('is of the version that is spoken, and has its times', () => {
    expect(PAGE).toContain(`version ${PROTOCOL_VERSION}\n`);
    expect(PAGE).toContain(`| lease | ${LEASE_MS / 1000} s |`);
    expect(PAGE).toContain(`within ${LEASE_RENEW_MS / 1000} s renewed or given up`);
    expect(PAGE).toContain(`| heartbeat, lost | ${HEARTBEAT_MS / 1000} s, ${DEAD_AFTER_MS / 1000} s |`);
  });

  it.each([
    ...kindsOf(agentMessageSchema.options),
    ...kindsOf(schedulerMessageSchema.options),
    ...kindsOf(commandSchema.options),
    'force',
    ...AGREEMENT_PHASES,
    ...PROMISE_STATES,
    ...REFUSALS,
  ])('knows %s', (word) => {
    expect(PAGE.includes(`\`${word}\``)).toBe(true);
  });

  it('draws the edges that records take, and no others', () => {
    expect(drawn('The record of an event').toSorted()).toEqual([...walked()].toSorted());
  });

  it('draws what a VM may promise', () => {
    const states = new Set(drawn('The promise of a VM').flatMap((edge) => edge.split(' → ')));
    expect([...states].toSorted()).toEqual(['[*]', 'none', ...PROMISE_STATES].toSorted());
  });
});
