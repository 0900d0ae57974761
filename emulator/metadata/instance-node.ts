import type { InstanceVersion } from './versions.ts';

/** JSON as the service has it: no numbers, no booleans, no nulls. */
export type InstanceNode = string | readonly InstanceNode[] | { readonly [key: string]: InstanceNode };

/** A key, the version that introduced it, and its value. */
export type Dated = readonly [key: string, since: InstanceVersion, value: InstanceNode];

/** The keys that `version` knows, in the order given. Versions are dates, so their text sorts as they do. */
export function asOf(version: InstanceVersion, keys: readonly Dated[]): InstanceNode {
  const node: Record<string, InstanceNode> = {};
  for (const [key, since, value] of keys) if (since <= version) node[key] = value;
  return node;
}

/** Follows path segments (keys in any case, array indexes) into a document; undefined when there is no such element. */
export function walk(root: InstanceNode, segments: readonly string[]): InstanceNode | undefined {
  let node: InstanceNode | undefined = root;
  for (const segment of segments) {
    if (node === undefined || typeof node === 'string') return undefined;
    if (isList(node)) {
      node = /^\d+$/.test(segment) ? node[Number(segment)] : undefined;
    } else {
      const wanted = segment.toLowerCase();
      node = Object.entries(node).find(([key]) => key.toLowerCase() === wanted)?.[1];
    }
  }
  return node;
}

function isList(node: InstanceNode): node is readonly InstanceNode[] {
  return Array.isArray(node);
}

/** `format=text` of an element that is not a leaf: its keys, one a line, those with children with a slash. */
export function listingOf(node: Exclude<InstanceNode, string>): string {
  const entries: readonly (readonly [string, InstanceNode])[] = isList(node)
    ? node.map((item, index) => [`${index}`, item] as const)
    : Object.entries(node);
  return entries.map(([key, value]) => (typeof value === 'string' ? key : `${key}/`)).join('\n');
}
