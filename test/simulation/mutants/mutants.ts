import type { Bias, Mode } from '../faults.ts';

/** One text of one source file, found in it exactly once, and what is there instead. */
export interface Edit {
  /** From the root of the repository. */
  readonly file: string;
  readonly text: string;
  readonly instead: string;
}

/** One rule switched off. */
export interface Mutant {
  readonly name: string;
  /** Which rule it is, of those that `common/protocol/README.md` and the sources number. */
  readonly rule: string;
  readonly edits: readonly Edit[];
  /** Runs with the faults that the rule is there for; or a scenario made for it. */
  readonly found:
    | { readonly mode: Mode; readonly bias?: Bias; readonly first?: number }
    | { readonly scenario: string };
}

const CORE = 'agent/core';
const RECORD = 'common/agreement';

/** Agents that die often, and are shown no events when they are back. */
const REBOOTS: Bias = {
  crashes: 10,
  emptyDocuments: 3,
  partitions: 4,
  lostJournals: 0,
  behind: 0,
  restartedDocuments: 0,
};

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'a failed read is an empty document',
    rule: '5',
    edits: [
      {
        file: `${CORE}/document.ts`,
        text: "const document = result.kind === 'document' ? result.document : state.document;\n  if (result.kind === 'failed' || document === undefined) {",
        instead:
          "const empty = { incarnation: state.incarnation ?? 1, events: [] };\n  const document = result.kind === 'document' ? result.document : result.kind === 'failed' ? empty : state.document;\n  if (document === undefined) {",
      },
    ],
    found: { mode: 'safety', bias: { metadataOutages: 3, metadataErrors: 0.1 } },
  },
  {
    name: 'one absent document is enough',
    rule: '5',
    edits: [
      {
        file: `${CORE}/event-life.ts`,
        text: 'return absence.polls >= MIN_ABSENT_POLLS && absence.creditedMs >= absentForMs;',
        instead: 'return true;',
      },
    ],
    found: { mode: 'safety', bias: { emptyDocuments: 3 } },
  },
  {
    name: 'time that nobody looked at is absence',
    rule: '5',
    edits: [
      {
        file: `${CORE}/event-life.ts`,
        text: 'before.creditedMs + Math.min(atMs - before.lastAtMs, MAX_ABSENCE_CREDIT_MS)',
        instead: 'before.creditedMs + atMs - before.lastAtMs',
      },
    ],
    found: { scenario: 'a VM stands still between two empty documents' },
  },
  {
    name: 'a lower incarnation tells of absence',
    rule: '5',
    edits: [
      {
        file: `${CORE}/document.ts`,
        text: 'if (now.monotonicMs - state.lowIncarnationSinceMs < REENABLE_MS) return false;',
        instead: '',
      },
    ],
    found: { mode: 'safety', bias: { restartedDocuments: 1, lostJournals: 0 } },
  },
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
    name: 'a failed drain counts as drained',
    rule: '6',
    edits: [
      {
        file: `${CORE}/preparation.ts`,
        text: "enter(draft, entry, 'retry', { retryAtMs: draft.now.monotonicMs + pauseMs, detail });",
        instead: "enter(draft, entry, 'proven', { startedAtMs: draft.now.monotonicMs, detail });",
      },
    ],
    found: { mode: 'safety', bias: { failedDrains: 0.5 } },
  },
  {
    name: 'no look at the balancers after the ready hook',
    rule: '10',
    edits: [
      {
        file: `${CORE}/preparation.ts`,
        text: "hook.phase === 'ready' ? 'reread' :",
        instead: "hook.phase === 'ready' ? 'proven' :",
      },
    ],
    found: { mode: 'safety', bias: { balancerRestarts: 12, lostAnswers: 0, failedDrains: 0, failedHooks: 0 } },
  },
  {
    name: 'an old proof is good for a promise',
    rule: '10',
    edits: [
      { file: `${CORE}/decide.ts`, text: '  if (isProven && !isProofFresh(draft, entry)) return;\n', instead: '' },
    ],
    found: { mode: 'safety', bias: { balancerRestarts: 12, emptyDocuments: 3, failedWrites: 0.3 } },
  },
  {
    name: 'a withdrawal is the VM’s own affair',
    rule: '7',
    edits: [
      {
        file: `${CORE}/withdrawal.ts`,
        text: '  if (!state.settings.hasCoordinator) {\n    withdrawn(',
        instead: '  {\n    withdrawn(',
      },
    ],
    found: { mode: 'safety', bias: { withdrawals: 4, latePosts: 0.5, failovers: 0 } },
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
        text: '    resources: canonicalResources(command.resources),\n    intent: undefined,\n',
        instead:
          '    resources: canonicalResources(command.resources),\n    intent: undefined,\n    everIntent: false,\n',
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
    name: 'no intent before the approval',
    rule: '2',
    edits: [
      {
        file: `${CORE}/approval.ts`,
        text: '    else intend(draft, key, entry, { term: approval.term, hash: approval.hash });',
        instead: '    else post(draft, entry);',
      },
    ],
    found: { mode: 'safety', bias: { withdrawals: 4, latePosts: 1, failovers: 0 } },
  },
  {
    name: 'no fresh read before the approval',
    rule: '2',
    edits: [
      {
        file: `${CORE}/approval.ts`,
        text: '    if (promise.localIntent) read(draft, entry, undefined);',
        instead: '    if (promise.localIntent) post(draft, entry);',
      },
    ],
    found: { mode: 'safety' },
  },
  {
    name: 'the fresh read is not compared',
    rule: '2',
    edits: [
      {
        file: `${CORE}/approval.ts`,
        text: "const isAsAgreed = result.kind === 'document' && entry.promise.hash === approval.hash && isApprovable(draft, entry);",
        instead: 'const isAsAgreed = true;',
      },
    ],
    found: { mode: 'safety', bias: { metadataErrors: 0.2, isCancelled: true } },
  },
  {
    name: 'no takeover',
    rule: '3',
    edits: [
      {
        file: `${CORE}/lead.ts`,
        text: '  if (nowMs < lead.retryAtMs) return false;\n',
        instead: '  if (nowMs < lead.retryAtMs || record?.lease !== undefined) return false;\n',
      },
    ],
    found: { mode: 'liveness', bias: { lostInIntent: 1, staysAway: 1 } },
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
    name: 'promises are kept in memory only',
    rule: 'durable',
    edits: [
      {
        file: `${CORE}/durable.ts`,
        text: 'events: Object.values(state.events).map((entry) => ({ ...entry.promise })),',
        instead: 'events: [],',
      },
    ],
    found: { mode: 'safety', bias: { ...REBOOTS, coordinatorOutages: 2, failovers: 2 } },
  },
  {
    name: 'the journal is not read at boot',
    rule: 'durable',
    edits: [
      {
        file: `${CORE}/durable.ts`,
        text: 'for (const promise of durable?.events ?? []) {',
        instead: 'for (const promise of [] as EventPromise[]) {',
      },
    ],
    found: { mode: 'safety', bias: { crashes: 5, metadataOutages: 3, lostJournals: 0 } },
  },
  {
    name: 'a VM without a journal believes one document, and asks nobody',
    rule: 'boot',
    edits: [
      {
        file: `${CORE}/reconcile.ts`,
        text: 'return state.boot.isOpenedBlindly || (state.boot.hasPolled && state.boot.hasReconciled);',
        instead: 'return state.boot.isOpenedBlindly || state.boot.hasPolled;',
      },
      {
        file: `${CORE}/document.ts`,
        text: 'if (boot.hasJournal || document.events.length > 0',
        instead: 'if (!boot.hasJournal || document.events.length > 0',
      },
    ],
    found: { mode: 'safety', bias: { ...REBOOTS, lostJournals: 1 } },
  },
  {
    name: 'the gate opens before the events were read',
    rule: 'boot',
    edits: [
      {
        file: `${CORE}/reconcile.ts`,
        text: 'return state.boot.isOpenedBlindly || (state.boot.hasPolled && state.boot.hasReconciled);',
        instead: 'return state.boot.isOpenedBlindly || state.boot.hasReconciled;',
      },
    ],
    found: { mode: 'safety', bias: { crashes: 6, lostJournals: 1, metadataOutages: 4, lateCommands: 0.5 } },
  },
  {
    name: 'a VM approves alone without the coordinator',
    rule: '9',
    edits: [
      {
        file: `${CORE}/draft.ts`,
        text: 'return resources.length > 0 && resources.every((name) => canonicalName(name) === own);',
        instead:
          'return !state.coordinator.isReady || (resources.length > 0 && resources.every((name) => canonicalName(name) === own));',
      },
    ],
    found: { mode: 'silent' },
  },
  {
    name: 'a leader ends an event on one absence',
    rule: '5',
    edits: [
      {
        file: `${CORE}/lead.ts`,
        text: "  if (!isLive(entry)) return record.phase !== 'ended';\n",
        instead: "  if (!isLive(entry) || !entry.isPresent) return record.phase !== 'ended';\n",
      },
      {
        file: `${CORE}/lead.ts`,
        text: '  if (!isLive(entry)) {\n    submit(',
        instead: '  if (!isLive(entry) || !entry.isPresent) {\n    submit(',
      },
    ],
    found: { scenario: 'a leader reads one empty document' },
  },
  {
    name: 'an intent is not reopened when the event changes',
    rule: '4',
    edits: [
      {
        file: `${CORE}/lead.ts`,
        text: '(record.hash !== promise.hash && entry.isPresent)',
        instead: "(record.phase !== 'intent' && record.hash !== promise.hash && entry.isPresent)",
      },
    ],
    found: { mode: 'liveness', bias: { growsInIntent: 1, lostInIntent: 1 } },
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
  {
    name: 'what has started is approved',
    rule: '2, 12',
    edits: [
      {
        file: `${CORE}/approval.ts`,
        text: "    entry.status === 'Scheduled' &&\n",
        instead: '',
      },
      {
        file: `${CORE}/approval.ts`,
        text: '    !promise.started &&\n',
        instead: '',
      },
    ],
    found: { mode: 'safety', bias: { failedDrains: 0.3, coordinatorOutages: 3 } },
  },
  {
    name: 'what starts without notice is promised for',
    rule: '12',
    edits: [
      {
        file: `${CORE}/event-life.ts`,
        text: "promise: hasStarted ? 'none' : 'binding',",
        instead: "promise: 'binding',",
      },
      {
        file: `${CORE}/decide.ts`,
        text: "promise.promise === 'binding' && !promise.started && entry.isPresent",
        instead: "promise.promise === 'binding' && entry.isPresent",
      },
    ],
    found: { scenario: 'an event starts without notice' },
  },
  {
    name: 'nobody is told of VMs that nobody agreed for',
    rule: '11',
    edits: [
      {
        file: `${CORE}/event-life.ts`,
        text: "if (promise.posted || promise.approved || entry.approval.step === 'post') {",
        instead: 'if (promise.number < 0) {',
      },
    ],
    found: { scenario: 'an event grows under the approval' },
  },
  {
    name: 'an intent for one is not on disk first',
    rule: '8',
    edits: [
      {
        file: `${CORE}/approval.ts`,
        text: '    else changePromise(draft, entry, { localIntent: true });',
        instead: '    else {\n      promise.localIntent = true;\n      read(draft, entry, undefined);\n    }',
      },
      {
        file: `${CORE}/durable.ts`,
        text: 'events: Object.values(state.events).map((entry) => ({ ...entry.promise })),',
        instead:
          'events: Object.values(state.events).map((entry) => ({ ...entry.promise, localIntent: entry.promise.posted })),',
      },
    ],
    found: {
      mode: 'safety',
      bias: { crashes: 8, latePosts: 1, withdrawals: 8, lostJournals: 0, moreEvents: 0, failovers: 0, forces: 0 },
    },
  },
  {
    name: 'a promise ends with another event',
    rule: 'set of promises',
    edits: [
      {
        file: `${CORE}/draft.ts`,
        text: 'Object.values(state.events).some((entry) => !isServing(entry)) ||',
        instead: 'Object.values(state.events).slice(-1).some((entry) => !isServing(entry)) ||',
      },
    ],
    found: { mode: 'safety', bias: { moreEvents: 2 } },
  },
];
