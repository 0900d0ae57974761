import { z } from 'zod';
import { endImpact } from '../platform/life.ts';
import { GONE_AS, type FinishedEvent, type GoneAs, type PlatformState, type ScopeState } from '../platform/state.ts';
import { keptPartsSchema, type KeptParts } from './kept-parts.ts';
import { eventSchema, scopeSchema } from './saved-events.ts';

/** What of a platform outlives a restart: its events with their approvals, the incarnations, and which VMs are gone. */
export interface SavedState {
  readonly format: typeof FORMAT;
  readonly scopes: readonly SavedScope[];
  /** By lower-case names. */
  readonly goneVms: Readonly<Record<string, GoneAs>>;
  readonly finished: readonly FinishedEvent[];
  /** Lower-case names of VMs that the fleet file has and a user has deleted. */
  readonly removedVms: readonly string[];
  readonly parts: KeptParts;
}

type SavedScope = Pick<ScopeState, 'name' | 'isEnabled' | 'zones' | 'incarnation' | 'events'> & {
  readonly lastAskedMs?: number | undefined;
};

const FORMAT = 'forewarn-emulator-state-1';

const savedSchema = z.object({
  format: z.literal(FORMAT),
  scopes: z.array(scopeSchema),
  goneVms: z.record(z.string(), z.enum(GONE_AS)),
  finished: z.array(
    z.object({ event: eventSchema, outcome: z.enum(['completed', 'cancelled']), goneAtMs: z.number() }),
  ),
  removedVms: z.array(z.string()).default([]),
  parts: keptPartsSchema.default({}),
});

/** Everything worth keeping of `state`, as text, with what is kept beside it. */
export function renderState(
  state: PlatformState,
  { removedVms = [], parts = {} }: Partial<Pick<SavedState, 'removedVms' | 'parts'>> = {},
): string {
  const saved: SavedState = {
    format: FORMAT,
    scopes: [...state.scopes.values()].map(({ name, isEnabled, lastAskedMs, zones, incarnation, events }) => ({
      name,
      isEnabled,
      lastAskedMs,
      zones,
      incarnation,
      events,
    })),
    goneVms: Object.fromEntries(state.goneVms),
    finished: state.finished,
    removedVms,
    parts,
  };
  return `${JSON.stringify(saved)}\n`;
}

/** What `renderState` wrote; undefined when it is something else. */
export function parseStateOrUndefined(text: string): SavedState | undefined {
  try {
    const parsed = savedSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/**
 * A platform as it was, over the VMs of today's fleet file. Scopes that the file no longer has are forgotten; an event that
 * names a VM that is no longer there leaves the document, which is another document and so gets another number. Impacts that
 * were under way are over: VMs do not outlive their emulator.
 */
export function restoreState(fresh: PlatformState, saved: SavedState, now: number): PlatformState {
  const scopes = new Map(fresh.scopes);
  for (const found of saved.scopes) {
    const scope = scopes.get(found.name);
    if (scope === undefined) continue;
    const events = found.events.filter((event) =>
      event.resources.every((name) => fresh.vms.get(name.toLowerCase())?.scope === found.name),
    );
    const isOther = events.length !== found.events.length && found.isEnabled;
    scopes.set(found.name, {
      ...scope,
      isEnabled: found.isEnabled,
      ...(found.lastAskedMs === undefined ? {} : { lastAskedMs: found.lastAskedMs }),
      ...(found.zones === undefined ? {} : { zones: found.zones }),
      incarnation: found.incarnation + (isOther ? 1 : 0),
      events,
    });
  }
  let state: PlatformState = {
    ...fresh,
    scopes,
    goneVms: new Map(Object.entries(saved.goneVms).filter(([name]) => fresh.vms.has(name))),
    finished: saved.finished,
  };
  for (const scope of scopes.values()) {
    for (const event of scope.events) state = endImpact(state, event, now).state;
  }
  return state;
}
