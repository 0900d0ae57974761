import { mkdir, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** Where the leases of VMs are: a folder for each, of the name of its namespace. */
export const LEASES_FOLDER = '/run/forewarn-leases';
/** Where systemd-networkd keeps its leases (one a file, named by the interface's index), and so where a VM finds its own. */
export const LEASES_SEEN = '/run/systemd/netif/leases';
/** Of the VM's one interface beside loopback. */
const INTERFACE_INDEX = '2';

/** Writes the lease that an Azure network would give a VM. Returns the folder that it is in, to be mounted at `LEASES_SEEN`. */
export async function writeLease(
  namespace: string,
  lease: { readonly address: string; readonly server: string },
): Promise<string> {
  const folder = path.join(LEASES_FOLDER, namespace);
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, INTERFACE_INDEX), leaseText(lease));
  // A mount needs something to be over; a machine without systemd-networkd has no such folder.
  await mkdir(LEASES_SEEN, { recursive: true });
  return folder;
}

/** As systemd-networkd writes them; option 245 is the four bytes of the address in hexadecimal. */
export function leaseText({ address, server }: { readonly address: string; readonly server: string }): string {
  const bytes = server.split('.').map((byte) => Number(byte).toString(16).padStart(2, '0'));
  return `# This is private data. Do not parse.
ADDRESS=${address}
NETMASK=255.255.255.254
SERVER_ADDRESS=${server}
OPTION_245=${bytes.join('')}
`;
}

/** After the last VM's lease. The folder that leases are seen in stays: systemd-networkd may have come to use it. */
export async function removeLeasesFolder(): Promise<void> {
  await rmdir(LEASES_FOLDER).catch(() => {
    // There was none, or another emulator has leases in it.
  });
}
