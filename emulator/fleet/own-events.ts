import type { FleetSettings } from './fleet-schema.ts';

type ScaleSetSettings = FleetSettings['scaleSets'][number];

/** Azure's sizes with a GPU are its N family: `Standard_NC6s_v3`, `Standard_ND96asr_v4`, `Standard_NV36ads_A10_v5`, `Standard_NG…`. */
const GPU_SIZE = /^(standard_)?n[cdvg]\d/i;

/**
 * Whether the VMs of a scale set see their own events only: those with a GPU where the set has one fault domain (Azure docs,
 * Scheduled Events, "Scope"), unless the file says otherwise.
 */
export function seesOwnEventsOnly(set: ScaleSetSettings): boolean {
  return set.ownEventsOnly ?? (set.faultDomains === 1 && GPU_SIZE.test(set.instance.size));
}

/** The scopes of its VMs, where each has one. */
export function ownScopesOf(set: Pick<ScaleSetSettings, 'name' | 'instances'>): readonly string[] {
  return Array.from({ length: set.instances }, (_, index) => `${set.name}_${index}`);
}

/** The scopes that are meant by these names: by that of a scale set whose VMs have one each, all of theirs. */
export function scopesNamed(settings: Pick<FleetSettings, 'scaleSets'>, names: readonly string[]): readonly string[] {
  return names.flatMap((name) => {
    const set = settings.scaleSets.find((candidate) => candidate.name === name);
    return set !== undefined && seesOwnEventsOnly(set) ? ownScopesOf(set) : [name];
  });
}
