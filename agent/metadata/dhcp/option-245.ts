/**
 * DHCP option 245 as Azure sends it: four bytes, the address of the metadata service of a VM outside of a virtual network (and
 * of the wire server). Every client writes them down in its own way; nothing here opens a file. Sources: RFC 2132 section 2
 * (options), dhclient.leases(5), systemd's lease files under /run/systemd/netif/leases, NetworkManager's under
 * /var/lib/NetworkManager.
 */

/** dhclient: `option unknown-245 a8:3f:81:10;`, or the bytes as text; the newest lease is the last in the file. */
export function fromDhclient(text: string): string | undefined {
  let found: string | undefined;
  for (const match of text.matchAll(/^\s*option\s+(?:unknown-245|wireserver|azure-wireserver)\s+(.+?);\s*$/gm))
    found = fromValue(match[1] ?? '') ?? found;
  return found;
}

/** systemd-networkd: `OPTION_245=a83f8110`. */
export function fromNetworkd(text: string): string | undefined {
  const match = /^OPTION_245=(.*)$/m.exec(text);
  return match === null ? undefined : fromValue(match[1] ?? '');
}

/** NetworkManager's own client: as systemd's in `internal-*.lease`; with dhclient under it `dhclient-*.lease`; and as its
 * device properties show it, `unknown_245 = a8:3f:81:10` or `private_245=…`. */
export function fromNetworkManager(text: string): string | undefined {
  const match = /^\s*(?:DHCP4\.OPTION\[\d+\]:\s*)?(?:unknown_245|private_245)\s*=\s*(.*)$/m.exec(text);
  return fromNetworkd(text) ?? fromDhclient(text) ?? (match === null ? undefined : fromValue(match[1] ?? ''));
}

/** Four bytes as `a8:3f:81:10`, `a83f8110`, `0xa83f8110`, `168.63.129.16`, or text with octal escapes, as dhclient quotes. */
export function fromValue(value: string): string | undefined {
  const trimmed = value.trim();
  const quoted = /^"((?:[^"\\]|\\.)*)"$/.exec(trimmed);
  if (quoted !== null) return fromBytes(unescape(quoted[1] ?? ''));
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(trimmed)) return fromBytes(trimmed.split('.').map(Number));
  if (/^[0-9a-f]{1,2}(:[0-9a-f]{1,2}){3}$/i.test(trimmed))
    return fromBytes(trimmed.split(':').map((byte) => Number.parseInt(byte, 16)));
  const hex = /^(?:0x)?([0-9a-f]{8})$/i.exec(trimmed)?.[1];
  return hex === undefined ? undefined : fromBytes((hex.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16)));
}

/** The bytes of a text in which those that cannot be printed are written `\\ooo`. */
function unescape(text: string): readonly number[] {
  const bytes: number[] = [];
  for (const match of text.matchAll(/\\([0-7]{3})|\\(.)|([^\\])/gs)) {
    const [, octal, escaped, plain] = match;
    bytes.push(octal === undefined ? (escaped ?? plain ?? '').charCodeAt(0) : Number.parseInt(octal, 8));
  }
  return bytes;
}

/** Only an address that a server can have: an option of zeros, or one that means everybody, is none. */
function fromBytes(bytes: readonly number[]): string | undefined {
  const [first = 0] = bytes;
  if (bytes.length !== 4 || bytes.some((byte) => byte > 255) || first === 0 || first === 127 || first >= 224)
    return undefined;
  return bytes.join('.');
}
