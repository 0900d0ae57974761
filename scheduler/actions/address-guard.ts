import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';

/**
 * Which addresses a job may call. A scheduler sits inside the network it serves, so whoever may write a job could otherwise
 * reach the machine's metadata service or an internal server through it.
 */
export type AddressVerdict =
  | { readonly kind: 'allowed' }
  /** No setting opens these. */
  | { readonly kind: 'never'; readonly why: string }
  /** The settings `http.allow` and `http.allowPrivate` open these. */
  | { readonly kind: 'private'; readonly why: string };

export type Refused = Exclude<AddressVerdict, { kind: 'allowed' }>;

/** A range of addresses, `10.1.0.0/16` or `fd00::/8`. */
export interface AddressRange {
  readonly network: string;
  readonly prefix: number;
}

/** What the operator allows beyond public addresses. */
export interface AddressRules {
  /** All loopback and private addresses. */
  readonly allowPrivate: boolean;
  readonly allow: readonly AddressRange[];
  /** Where this scheduler itself listens: its API takes more from its own machine than from the author of a job. */
  readonly ownPort: () => number | undefined;
}

const NEVER: readonly (readonly [why: string, ranges: readonly string[]])[] = [
  ['link-local, where clouds have their metadata service', ['169.254.0.0/16', 'fe80::/10']],
  // A public-looking address that only Azure's own host answers on.
  ["Azure's platform address", ['168.63.129.16/32']],
  ['multicast or reserved', ['224.0.0.0/4', '240.0.0.0/4', 'ff00::/8', '0.0.0.0/8', '::/128']],
];

const PRIVATE: readonly (readonly [why: string, ranges: readonly string[]])[] = [
  ['this machine itself', ['127.0.0.0/8', '::1/128']],
  ['private', ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7', 'fec0::/10']],
  // RFC 6890: protocol assignments and benchmarks; what answers there is no public service.
  ['for special use', ['192.0.0.0/24', '198.18.0.0/15']],
];

const never = NEVER.map(([why, ranges]) => ({ why, list: blockListOf(ranges.flatMap(rangesOf)) }));
const reserved = PRIVATE.map(([why, ranges]) => ({ why, list: blockListOf(ranges.flatMap(rangesOf)) }));

/** Judges one literal address; `address` must be one (`isIP`). Private addresses within `exceptions` are allowed. */
export function judgeAddress(address: string, exceptions?: BlockList): AddressVerdict {
  const plain = withoutZone(address);
  const candidates = [plain, ...embeddedAddresses(plain)];
  for (const candidate of candidates) {
    const forbidden = never.find(({ list }) => isIn(list, candidate));
    if (forbidden !== undefined) return { kind: 'never', why: forbidden.why };
  }
  for (const candidate of candidates) {
    if (exceptions !== undefined && isIn(exceptions, candidate)) continue;
    const internal = reserved.find(({ list }) => isIn(list, candidate));
    if (internal !== undefined) return { kind: 'private', why: internal.why };
  }
  return { kind: 'allowed' };
}

/** Judges an address and the port that is to be connected to, by the operator's rules. */
export function createJudge(rules: AddressRules): (address: string, port: number) => AddressVerdict {
  const exceptions = blockListOf(rules.allow);
  return (address, port) => {
    const verdict = judgeAddress(address, exceptions);
    if (verdict.kind === 'never') return verdict;
    if (port === rules.ownPort() && isThisMachine(address)) {
      return { kind: 'never', why: 'where this scheduler itself listens' };
    }
    return verdict.kind === 'private' && rules.allowPrivate ? { kind: 'allowed' } : verdict;
  };
}

/** The range of a text like `10.1.0.0/16` or of a single address, or undefined when it is none or only of addresses that nothing opens. */
export function parseRangeOrUndefined(text: string): AddressRange | undefined {
  const [network = '', prefixText, ...rest] = text.split('/');
  const family = isIP(network);
  const longest = family === 6 ? 128 : 32;
  const prefix = prefixText === undefined ? longest : Number(prefixText);
  if (family === 0 || rest.length > 0 || network.includes('%') || !/^\d{1,3}$/.test(prefixText ?? '0'))
    return undefined;
  // Eight bits and more lie wholly inside one of the forbidden ranges, or wholly outside.
  if (prefix > longest || (prefix >= 8 && judgeAddress(network).kind === 'never')) return undefined;
  return { network, prefix };
}

function isThisMachine(address: string): boolean {
  const own = Object.values(networkInterfaces()).flatMap((addresses) =>
    (addresses ?? []).map(({ address }) => address),
  );
  const loopback = reserved[0];
  return [withoutZone(address), ...embeddedAddresses(withoutZone(address))].some(
    (candidate) => own.includes(candidate) || (loopback !== undefined && isIn(loopback.list, candidate)),
  );
}

function withoutZone(address: string): string {
  return address.split('%')[0] ?? address;
}

function isIn(list: BlockList, address: string): boolean {
  return list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

function rangesOf(text: string): readonly AddressRange[] {
  const [network = '', prefix] = text.split('/');
  return [{ network, prefix: Number(prefix) }];
}

function blockListOf(ranges: readonly AddressRange[]): BlockList {
  const list = new BlockList();
  for (const { network, prefix } of ranges) list.addSubnet(network, prefix, isIP(network) === 6 ? 'ipv6' : 'ipv4');
  return list;
}

/** Where RFC 6052, 2.2, puts the four bytes of an IPv4 address for prefixes of 48, 56, 64 and 96 bits; byte 8 is left out. */
const NAT64_LOCAL: readonly (readonly number[])[] = [
  [6, 7, 9, 10],
  [7, 9, 10, 11],
  [9, 10, 11, 12],
  [12, 13, 14, 15],
];

/**
 * The IPv4 addresses inside an IPv6 one by which a translator or tunnel would reach them. `BlockList` sees through
 * ::ffff:0:0/96 only, not through NAT64 (64:ff9b::/96, 64:ff9b:1::/48 in any of its forms), 6to4 (2002::/16), Teredo
 * (2001:0::/32), SIIT (::ffff:0:0:0/96) or ISATAP (…:5efe:a.b.c.d).
 */
function embeddedAddresses(address: string): readonly string[] {
  if (isIP(address) !== 6) return [];
  const groups = expandGroups(address);
  const at = (index: number): number => groups[index] ?? 0;
  const pair = (high: number, low: number): string => `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
  const bytes = groups.flatMap((group) => [group >> 8, group & 255]);
  if (at(0) === 0x64 && at(1) === 0xff9b) {
    return at(2) === 1
      ? NAT64_LOCAL.map((places) => places.map((place) => bytes[place] ?? 0).join('.'))
      : [pair(at(6), at(7))];
  }
  if (at(0) === 0x2002) return [pair(at(1), at(2))];
  // Teredo writes the client's address inverted, and the server's as it is.
  if (at(0) === 0x2001 && at(1) === 0) return [pair(at(2), at(3)), pair(at(6) ^ 0xffff, at(7) ^ 0xffff)];
  if ((at(4) & 0xfdff) === 0 && at(5) === 0x5efe) return [pair(at(6), at(7))];
  if (groups.slice(0, 4).some((group) => group !== 0)) return [];
  // ::ffff:a.b.c.d, ::ffff:0:a.b.c.d and the old "compatible" ::a.b.c.d.
  const isMapped = (at(4) === 0 && at(5) === 0xffff) || (at(4) === 0xffff && at(5) === 0);
  return isMapped || (at(4) === 0 && at(5) === 0 && at(6) !== 0) ? [pair(at(6), at(7))] : [];
}

/** The eight 16-bit groups of an IPv6 address, which may be shortened or end in dotted form. */
function expandGroups(address: string): readonly number[] {
  const plain = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_all, ...parts: unknown[]) => {
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
