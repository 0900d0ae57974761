import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { fromDhclient, fromNetworkd, fromNetworkManager } from './option-245.ts';

/** Where each client keeps its leases on the distributions that Azure offers. */
export const LEASE_FOLDERS: readonly LeaseFolder[] = [
  { folder: '/run/systemd/netif/leases', files: /^\d+$/, read: fromNetworkd },
  { folder: '/var/lib/NetworkManager', files: /\.leases?$/, read: fromNetworkManager },
  { folder: '/run/NetworkManager/devices', files: /^\d+$/, read: fromNetworkManager },
  { folder: '/var/lib/dhcp', files: /^dhclient.*\.leases$/, read: fromDhclient },
  { folder: '/var/lib/dhclient', files: /^dhclient.*\.leases?$/, read: fromDhclient },
];

export interface LeaseFolder {
  readonly folder: string;
  readonly files: RegExp;
  readonly read: (text: string) => string | undefined;
}

/** A file of leases is a few kilobytes for each; a longer one is not read. */
const MAX_BYTES = 1024 * 1024;

/** The addresses that leases of this VM name in option 245, each once, as `http://ADDRESS`. What cannot be read is passed over. */
export async function leasedEndpoints(folders: readonly LeaseFolder[] = LEASE_FOLDERS): Promise<readonly string[]> {
  const addresses = new Set<string>();
  for (const { folder, files, read } of folders) {
    const names = await readdir(folder).catch(() => []);
    for (const name of names.filter((one) => files.test(one))) {
      const file = path.join(folder, name);
      try {
        if ((await stat(file)).size > MAX_BYTES) continue;
        const address = read(await readFile(file, 'utf8'));
        if (address !== undefined) addresses.add(`http://${address}`);
      } catch {
        // A lease that is being replaced; or one of another user, who may not want it read.
      }
    }
  }
  return [...addresses];
}
