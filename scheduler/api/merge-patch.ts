/**
 * JSON merge patch (RFC 7386): objects are merged deeply, null removes, anything else replaces. What the real service does
 * with a PATCH: a recurrence patched with a new frequency keeps its count and end. Only an `authentication` of another type
 * takes the place of the old one: nothing of that has a meaning in it.
 */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const merged: Record<string, unknown> = isRecord(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = mergePatch(isOfAnotherType(key, merged[key], value) ? undefined : merged[key], value);
  }
  return merged;
}

function isOfAnotherType(key: string, target: unknown, patch: unknown): boolean {
  if (key !== 'authentication' || !isRecord(target) || !isRecord(patch)) return false;
  const [was, is] = [target['type'], patch['type']];
  return typeof was === 'string' && typeof is === 'string' && was.toLowerCase() !== is.toLowerCase();
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
