import type { Mutant } from './mutant.ts';

const RECORD = 'common/agreement';

/** Rules of the record that all VMs share. */
export const MUTANTS_OF_THE_AGREEMENT: readonly Mutant[] = [
  {
    name: 'a VM that nobody knows counts as drained',
    rule: '1',
    edits: [
      {
        file: `${RECORD}/record.ts`,
        text: "if (!unmanaged.has(name)) awaited.push({ kind: 'unknown', name });",
        instead: '',
      },
    ],
    found: { mode: 'safety', bias: { withoutAgent: 'unlisted', moreEvents: 0 } },
  },
  {
    name: 'who has not promised counts as drained',
    rule: '1',
    edits: [
      {
        file: `${RECORD}/record.ts`,
        text: "entry.hash === record.hash && entry.promise !== 'prepared' && entry.promise !== 'consented'",
        instead: 'false',
      },
    ],
    found: { mode: 'safety' },
  },
  {
    name: 'dissent is ignored',
    rule: '1',
    edits: [
      {
        file: `${RECORD}/record.ts`,
        text: "if (entry.hash !== record.hash && !isPast) awaited.push({ kind: 'dissent', name });",
        instead: '',
      },
    ],
    found: { mode: 'safety', bias: { grows: true, behind: 1, lostJournals: 0 } },
  },
  {
    name: 'a promise for other VMs counts',
    rule: '1, hash',
    edits: [
      {
        file: `${RECORD}/record.ts`,
        text: "entry.hash === record.hash && entry.promise !== 'prepared'",
        instead: "entry.promise !== 'prepared'",
      },
      {
        file: `${RECORD}/record.ts`,
        text: 'if (entry.hash !== record.hash && !isPast)',
        instead: 'if (entry.hash !== record.hash && !isPast && !record.resources.includes(name))',
      },
    ],
    found: { mode: 'safety', bias: { grows: true, behind: 1, lostJournals: 0 } },
  },
  {
    name: 'consent speaks for the others',
    rule: '1',
    edits: [
      {
        file: `${RECORD}/record.ts`,
        text: '  const awaited: Awaited[] = [];\n  for (const name of record.resources) {',
        instead:
          "  const awaited: Awaited[] = [];\n  if (Object.values(record.members).some(({ promise }) => promise === 'consented')) return [];\n  for (const name of record.resources) {",
      },
    ],
    found: { mode: 'policies' },
  },
  {
    name: 'a withdrawal after an intent',
    rule: '7',
    edits: [
      {
        file: `${RECORD}/apply-command.ts`,
        text: "  if (record.everIntent) return refused(record, 'intent-recorded');\n",
        instead: '',
      },
    ],
    found: { scenario: 'a VM withdraws after an event was reopened' },
  },
  {
    name: 'an intent that is reopened is forgotten',
    rule: '7',
    edits: [
      {
        file: `${RECORD}/apply-command.ts`,
        text: '    resources: canonicalNames(command.resources),\n    intent: undefined,\n',
        instead: '    resources: canonicalNames(command.resources),\n    intent: undefined,\n    everIntent: false,\n',
      },
    ],
    found: { mode: 'safety', bias: { growsInIntent: 1, lostInIntent: 1 } },
  },
  {
    name: 'an event that comes back counts old promises',
    rule: '4',
    edits: [
      {
        file: `${RECORD}/apply-command.ts`,
        text: "members: record.phase === 'ended' ? released(record.members) : record.members,",
        instead: 'members: record.members,',
      },
    ],
    found: { scenario: 'an event comes back under its id' },
  },
  {
    name: 'an open intent is left to who recorded it',
    rule: '3',
    edits: [
      {
        file: `${RECORD}/apply-command.ts`,
        text: "  if (record.lease === undefined || record.lease.expiresAtMs <= context.now) return refused(record, 'lease-expired');\n",
        instead:
          "  if (record.lease === undefined || record.lease.expiresAtMs <= context.now) return refused(record, 'lease-expired');\n  if (record.phase === 'intent' && record.intent?.by !== canonicalName(command.holder)) return refused(record, 'wrong-phase');\n",
      },
    ],
    found: { mode: 'liveness', bias: { lostInIntent: 1, staysAway: 1 } },
  },
  {
    name: 'an overtaken message counts',
    rule: 'numbers',
    edits: [
      {
        file: `${RECORD}/apply-command.ts`,
        text: "return number <= entry.number ? 'stale-number' : undefined;",
        instead: 'return undefined;',
      },
    ],
    found: { mode: 'safety', bias: { lateCommands: 0.5 } },
  },
  {
    name: 'another machine may write under the name',
    rule: 'identity',
    edits: [
      {
        file: `${RECORD}/apply-command.ts`,
        text: "  if (entry.vmId !== vmId) return 'other-identity';\n",
        instead: '',
      },
    ],
    found: { mode: 'safety', bias: { clones: 4, moreEvents: 0, comesBack: false } },
  },
  {
    name: 'an older term counts',
    rule: 'terms',
    edits: [
      {
        file: `${RECORD}/apply-command.ts`,
        text: 'if (command.term !== record.term || record.lease?.holder !== holder) return',
        instead: 'if (record.lease === undefined) return',
      },
    ],
    found: { mode: 'safety', bias: { lateCommands: 0.4, lostInIntent: 1, pauses: 4 } },
  },
  {
    name: 'an expired lease counts',
    rule: 'terms',
    edits: [
      {
        file: `${RECORD}/apply-command.ts`,
        text: 'const isHeld = record.lease !== undefined && record.lease.expiresAtMs > now;',
        instead: 'const isHeld = record.lease !== undefined;',
      },
    ],
    found: { mode: 'liveness', bias: { lostInIntent: 1, staysAway: 1 } },
  },
];
