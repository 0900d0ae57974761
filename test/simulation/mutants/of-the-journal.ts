import type { Bias } from '../faults.ts';
import type { Mutant } from './mutant.ts';

const CORE = 'agent/core';

/** Agents that die often, and are shown no events when they are back. */
const REBOOTS: Bias = {
  crashes: 10,
  emptyDocuments: 3,
  partitions: 4,
  lostJournals: 0,
  behind: 0,
  restartedDocuments: 0,
};

/** Rules of what is on disk, and of what is believed at boot. */
export const MUTANTS_OF_THE_JOURNAL: readonly Mutant[] = [
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
    found: { mode: 'safety', first: 3100, bias: { ...REBOOTS, coordinatorOutages: 2, failovers: 2 } },
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
    name: 'what a VM was shown is not kept with its promise',
    rule: '5, boot',
    edits: [{ file: `${CORE}/reconcile.ts`, text: '    recallIncarnation(draft, record, copy);\n', instead: '' }],
    found: { mode: 'safety', bias: { lostJournals: 0.5, restartedDocuments: 1, crashes: 6 } },
  },
  {
    name: 'a journal that was begun before anything was learnt is a whole one',
    rule: 'boot',
    edits: [
      {
        file: `${CORE}/durable.ts`,
        text: '    ...(state.boot.hasJournal ? {} : { isPartial: true }),\n',
        instead: '',
      },
    ],
    found: { mode: 'safety', first: 1500, bias: { lostJournals: 0.5, restartedDocuments: 1, crashes: 12 } },
  },
  {
    name: 'an intent for one that was lost is none',
    rule: '8',
    edits: [
      {
        file: `${CORE}/reconcile.ts`,
        text: 'promise.localIntent = mayHaveIntended && namesOnly(state, record.resources);',
        instead: '',
      },
    ],
    found: {
      mode: 'safety',
      bias: {
        lostJournals: 0.8,
        restartedDocuments: 1,
        crashes: 8,
        failovers: 0,
        moreEvents: 2,
        latePosts: 0.5,
        withdrawals: 1,
      },
    },
  },
  {
    name: 'what has started is not kept a promise for that was lost',
    rule: '12, boot',
    edits: [
      {
        file: `${CORE}/reconcile.ts`,
        text: '    if (isPrepared && !entry.plan.isBound) entry.plan = { ...entry.plan, isBound: true };\n',
        instead: '',
      },
    ],
    found: {
      mode: 'policies',
      bias: { crashes: 8, lostJournals: 1, failovers: 2, failedDrains: 0.3, coordinatorOutages: 2 },
    },
  },
  {
    name: 'a promise is reported before it is on disk',
    rule: 'durable',
    edits: [
      {
        file: `${CORE}/report.ts`,
        text: '  if (!isDurable(draft, entry) || now.monotonicMs',
        instead: '  if (now.monotonicMs',
      },
    ],
    found: { mode: 'policies', first: 2200, bias: { crashes: 10, failedWrites: 0.7, lateCommands: 0.5, failovers: 2 } },
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
      first: 140,
      bias: { crashes: 8, latePosts: 1, withdrawals: 8, lostJournals: 0, moreEvents: 0, failovers: 0, forces: 0 },
    },
  },
];
