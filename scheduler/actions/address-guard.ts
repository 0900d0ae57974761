import { BlockList, isIP } from 'node:net';

/**
 * Which addresses a job may call. A scheduler sits inside the network it serves, so whoever may write a job could otherwise
 * reach the machine's metadata service or an internal server through it.
 */
export type AddressVerdict =
  | { readonly kind: 'allowed' }
  /** No setting opens these. */
  | { readonly kind: 'never'; readonly why: string }
  /** The setting `http.allowPrivate` opens these. */
  | { readonly kind: 'private'; readonly why: string };

const NEVER: readonly (readonly [why: string, ranges: readonly string[]])[] = [
  ['link-local, where clouds have their metadata service', ['169.254.0.0/16', 'fe80::/10']],
  // A public-looking address that only Azure's own host answers on.
  ["Azure's platform address", ['168.63.129.16/32']],
  ['multicast or reserved', ['224.0.0.0/4', '240.0.0.0/4', 'ff00::/8', '0.0.0.0/8', '::/128']],
];

const PRIVATE: readonly (readonly [why: string, ranges: readonly string[]])[] = [
  ['this machine itself', ['127.0.0.0/8', '::1/128']],
  ['private', ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7']],
];

const never = NEVER.map(([why, ranges]) => ({ why, list: blockListOf(ranges) }));
const reserved = PRIVATE.map(([why, ranges]) => ({ why, list: blockListOf(ranges) }));

/** Judges one literal address; `address` must be one (`isIP`). */
export function judgeAddress(address: string): AddressVerdict {
  for (const candidate of [address, ...embeddedAddresses(address)]) {
    const forbidden = never.find(({ list }) => isIn(list, candidate));
    if (forbidden !== undefined) return { kind: 'never', why: forbidden.why };
    const internal = reserved.find(({ list }) => isIn(list, candidate));
    if (internal !== undefined) return { kind: 'private', why: internal.why };
  }
  return { kind: 'allowed' };
}

function isIn(list: BlockList, address: string): boolean {
  return list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

function blockListOf(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [network, prefix] = range.split('/');
    if (network === undefined) continue;
    list.addSubnet(network, Number(prefix), isIP(network) === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}

/**
 * The IPv4 addresses inside an IPv6 one by which a translator or tunnel would reach them. `BlockList` sees through
 * ::ffff:0:0/96 only, not through NAT64 (64:ff9b::/96, 64:ff9b:1::/48), 6to4 (2002::/16) or Teredo (2001:0::/32).
 */
function embeddedAddresses(address: string): readonly string[] {
  if (isIP(address) !== 6) return [];
  const groups = expandGroups(address);
  const at = (index: number): number => groups[index] ?? 0;
  const pair = (high: number, low: number): string => `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
  if (at(0) === 0x64 && at(1) === 0xff9b) return [pair(at(6), at(7))];
  if (at(0) === 0x2002) return [pair(at(1), at(2))];
  // Teredo writes the client's address inverted, and the server's as it is.
  if (at(0) === 0x2001 && at(1) === 0) return [pair(at(2), at(3)), pair(at(6) ^ 0xffff, at(7) ^ 0xffff)];
  // ::ffff:a.b.c.d and the old "compatible" ::a.b.c.d.
  const isPrefixEmpty = groups.slice(0, 5).every((group) => group === 0);
  if (isPrefixEmpty && (at(5) === 0xffff || at(5) === 0) && at(6) !== 0) return [pair(at(6), at(7))];
  return [];
}

/** The eight 16-bit groups of an IPv6 address, which may be shortened, carry a zone or end in dotted form. */
function expandGroups(address: string): readonly number[] {
  const plain = (address.split('%')[0] ?? '').replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_all, ...parts: unknown[]) => {
    const [a, b, c, d] = parts.slice(0, 4).map(Number);
    return `${(((a ?? 0) << 8) | (b ?? 0)).toString(16)}:${(((c ?? 0) << 8) | (d ?? 0)).toString(16)}`;
  });
  const [head = '', tail] = plain.split('::');
  const parse = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  if (tail === undefined) return parse(head);
  const left = parse(head);
  const right = parse(tail);
  return [...left, ...Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => 0), ...right];
}
