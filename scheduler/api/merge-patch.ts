/**
 * JSON merge patch (RFC 7386): objects are merged deeply, null removes, anything else replaces. What the real service does
 * with a PATCH: a recurrence patched with a new frequency keeps its count and end. Only where an `authentication` or an action
 * becomes one of another type, what belonged to the old type goes: it has no meaning any more.
 */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const merged: Record<string, unknown> = isRecord(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = mergePatch(inherited(key, merged[key], value), value);
  }
  return merged;
}

/** What of the target is patched. */
function inherited(key: string, target: unknown, patch: unknown): unknown {
  if (!isRecord(target) || !isRecord(patch)) return target;
  const [was, is] = [typeOf(target), typeOf(patch)];
  if (was === undefined || is === undefined || was === is) return target;
  if (key === 'authentication') return undefined;
  if (key !== 'action' && key !== 'errorAction') return target;
  const isStillHttp = [was, is].every((type) => type === 'http' || type === 'https');
  const kept = ['retryPolicy', 'errorAction', ...(isStillHttp ? ['request'] : [])];
  return Object.fromEntries(Object.entries(target).filter(([name]) => kept.includes(name)));
}

function typeOf(value: Readonly<Record<string, unknown>>): string | undefined {
  return typeof value['type'] === 'string' ? value['type'].toLowerCase() : undefined;
}

/** Plain objects only: a secret or a certificate is a value, not something to merge with. */
function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
