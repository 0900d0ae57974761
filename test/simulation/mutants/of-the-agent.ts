import type { Mutant } from './mutant.ts';

const CORE = 'agent/core';

/** Rules that each VM keeps by itself. */
export const MUTANTS_OF_THE_AGENT: readonly Mutant[] = [
  {
    name: 'a look that took unusually long counts',
    rule: '10',
    edits: [{ file: `${CORE}/decide.ts`, text: '  if (isOld) return;\n', instead: '' }],
    found: { mode: 'liveness', first: 1100, bias: { pauses: 10, balancerRestarts: 10 } },
  },
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
    name: 'a document older than one read before is promised on',
    rule: '5',
    edits: [
      {
        file: `${CORE}/decide.ts`,
        text: '  if (draft.state.lowIncarnationSinceMs !== undefined) return;\n',
        instead: '',
      },
    ],
    found: {
      mode: 'safety',
      bias: { isCancelled: true, comesBack: true, behind: 3, lostJournals: 0, moreEvents: 0, failovers: 0 },
    },
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
    found: { mode: 'safety', bias: { balancerRestarts: 30, emptyDocuments: 6, failedWrites: 0.3 } },
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
    name: 'a VM approves alone without the coordinator',
    rule: '9',
    edits: [
      {
        file: `${CORE}/draft.ts`,
        text: 'return names.length === 1 && names[0] === ownName(state);',
        instead: 'return !state.coordinator.isReady || (names.length === 1 && names[0] === ownName(state));',
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
    name: 'a promise ends with another event',
    rule: 'set of promises',
    edits: [
      {
        file: `${CORE}/draft.ts`,
        text: 'if (entry !== undefined && !isServing(entry)) return true;',
        instead:
          'if (entry !== undefined && entry === Object.values(state.events).at(-1) && !isServing(entry)) return true;',
      },
    ],
    found: { mode: 'safety', bias: { moreEvents: 2 } },
  },
];
