import type { Fault } from './faults.ts';
import { MAX_BEHIND_MS } from './faults.ts';
import type { PlatformState, ScopeState } from './platform/state.ts';

/** Most documents of a scope that are remembered: one that changes oftener than every 2 s for ten minutes loses the oldest. */
const MAX_REMEMBERED = 300;

interface Remembered {
  readonly sinceMs: number;
  readonly scope: ScopeState;
}

/** What documents were, for metadata services that are behind. Only enabled scopes: nobody was shown the others. */
export interface PastDocuments {
  /** To be told of every state of the platform. Costs nothing worth speaking of where no scope has changed. */
  note(state: Pick<PlatformState, 'scopes'>): void;
  /** A fault `stale-document` begins: what documents are now (or were, in an earlier run) is what they stay under it. */
  readonly hold: (fault: Fault, documents?: readonly ScopeState[]) => void;
  /** What is held for a fault; undefined when nothing is. */
  readonly heldFor: (fault: Fault) => readonly ScopeState[] | undefined;
  /** The scope as a VM sees it under `fault`, which is `behind` or `stale-document`; `current` is what others see. */
  readonly under: (fault: Fault, current: ScopeState) => ScopeState;
}

export function createPastDocuments(now: () => number): PastDocuments {
  const remembered = new Map<string, readonly Remembered[]>();
  const held = new WeakMap<Fault, Map<string, ScopeState>>();
  let noted: PlatformState['scopes'] = new Map();

  return {
    note: ({ scopes }) => {
      if (scopes === noted) return;
      const nowMs = now();
      for (const [name, scope] of scopes) {
        if (noted.get(name) !== scope) remembered.set(name, withScope(remembered.get(name) ?? [], scope, nowMs));
      }
      if (remembered.size > scopes.size) {
        for (const name of remembered.keys()) if (!scopes.has(name)) remembered.delete(name);
      }
      noted = scopes;
    },
    hold: (fault, documents) => {
      if (fault.kind !== 'stale-document') return;
      const scopes = documents ?? [...noted.values()].filter((scope) => scope.isEnabled);
      held.set(fault, new Map(scopes.map((scope) => [scope.name, scope])));
    },
    heldFor: (fault) => {
      const documents = held.get(fault);
      return documents === undefined ? undefined : [...documents.values()];
    },
    under: (fault, current) => {
      if (fault.kind === 'behind') return scopeAt(remembered.get(current.name), now() - (fault.byMs ?? 0)) ?? current;
      const documents = held.get(fault);
      const found = documents?.get(current.name);
      if (found !== undefined) return found;
      // Nobody had asked when it began: the first document that somebody sees is the one that stays.
      documents?.set(current.name, current);
      return current;
    },
  };
}

/** With `scope` since `nowMs`, without what is too old to be asked for. */
function withScope(known: readonly Remembered[], scope: ScopeState, nowMs: number): readonly Remembered[] {
  // Forgotten for a day, a scope counts its documents from 1 again: an old one would contradict a new one.
  if (!scope.isEnabled) return [];
  const last = known.at(-1);
  // The same incarnation has the same content: the first state with it stands for all.
  if (last?.scope.incarnation === scope.incarnation) return known;
  const oldest = known.findLastIndex((entry) => entry.sinceMs <= nowMs - MAX_BEHIND_MS);
  return [...known.slice(Math.max(0, oldest)), { sinceMs: nowMs, scope }].slice(-MAX_REMEMBERED);
}

/** As it was at `atMs`; before the oldest that is known, the oldest. */
function scopeAt(known: readonly Remembered[] | undefined, atMs: number): ScopeState | undefined {
  return (known?.findLast((entry) => entry.sinceMs <= atMs) ?? known?.[0])?.scope;
}
