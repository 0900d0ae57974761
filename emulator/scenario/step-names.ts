import type { z } from 'zod';
import type { Condition, Step } from './pure/steps.ts';

type NamedKind = 'event' | 'maintenance';

/** A step of a file, under the key that it stood under. */
export interface KeyedStep {
  readonly key: string;
  readonly step: Step;
}

/** Every step speaks of events and maintenance that steps before it have named, and every name is given once. */
export function checkNames(steps: readonly KeyedStep[], context: z.core.$RefinementCtx): void {
  const known = new Map<string, NamedKind>();
  for (const [index, { key, step }] of steps.entries()) {
    const meant = nameMeant(step.kind === 'expect' || step.kind === 'never' ? step.that : step);
    if (meant !== undefined && known.get(meant.name) !== meant.kind) {
      const names = [...known].flatMap(([name, kind]) => (kind === meant.kind ? [name] : [])).join(', ') || 'none';
      const what =
        meant.kind === 'event' ? 'an event that was scheduled before' : 'a maintenance that was begun before';
      const message = `expected the name of ${what} (${names}), got ${JSON.stringify(meant.name)}`;
      context.addIssue({ code: 'custom', path: ['steps', index, key], message });
    }
    const given = nameGiven(step);
    if (given === undefined) continue;
    const other = known.get(given.name);
    if (other !== undefined) {
      const message = `expected another name than ${JSON.stringify(given.name)}: an earlier ${other} has it`;
      context.addIssue({ code: 'custom', path: ['steps', index, key, 'as'], message });
    }
    known.set(given.name, given.kind);
  }
}

function nameMeant(part: Step | Condition): { readonly kind: NamedKind; readonly name: string } | undefined {
  if ('event' in part) return { kind: 'event', name: part.event };
  return 'maintenance' in part ? { kind: 'maintenance', name: part.maintenance } : undefined;
}

function nameGiven(step: Step): { readonly kind: NamedKind; readonly name: string } | undefined {
  if (!('as' in step) || step.as === undefined) return undefined;
  return { kind: step.kind === 'maintain' ? 'maintenance' : 'event', name: step.as };
}
