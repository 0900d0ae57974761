/** A request target taken apart. Path segments keep their case; compare them without it. */
export type RequestTarget =
  | {
      readonly kind: 'ok';
      readonly segments: readonly string[];
      /** By lower-case name. */
      readonly query: ReadonlyMap<string, string>;
    }
  | { readonly kind: 'duplicate-parameter' }
  | { readonly kind: 'malformed' };

/**
 * Parses a request target: `/metadata/instance?api-version=…`, also in absolute form (clients send that through a proxy
 * setting). A trailing slash does not matter (older Azure agents send one). A parameter given twice is refused, as Azure
 * does (Instance Metadata Service, "Query parameters"); unknown ones are accepted (cloud-init sends `extended=true`).
 */
export function parseRequestTarget(target: string): RequestTarget {
  // Not split by hand: percent-encoding and absolute form are the URL standard's business.
  const url = URL.parse(target, 'http://metadata.invalid');
  if (url === null) return { kind: 'malformed' };
  const query = new Map<string, string>();
  for (const [name, value] of url.searchParams) {
    const key = name.toLowerCase();
    if (query.has(key)) return { kind: 'duplicate-parameter' };
    query.set(key, value);
  }
  const segments: string[] = [];
  for (const part of url.pathname.split('/')) {
    if (part === '') continue;
    const decoded = decodeOrUndefined(part);
    if (decoded === undefined) return { kind: 'malformed' };
    segments.push(decoded);
  }
  return { kind: 'ok', segments, query };
}

function decodeOrUndefined(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
