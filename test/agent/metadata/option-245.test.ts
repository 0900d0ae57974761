import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { leasedEndpoints } from '../../../agent/metadata/dhcp/leases.ts';
import { fromDhclient, fromNetworkd, fromNetworkManager, fromValue } from '../../../agent/metadata/dhcp/option-245.ts';

const DHCLIENT = `lease {
  interface "eth0";
  fixed-address 10.0.0.4;
  option subnet-mask 255.255.255.0;
  option dhcp-server-identifier 168.63.129.16;
  option unknown-245 64:40:1:2;
  renew 0 2026/11/15 10:00:00;
}
lease {
  interface "eth0";
  fixed-address 10.0.0.4;
  option rfc3442-classless-static-routes 0,10,0,0,1,32,168,63,129,16,10,0,0,1;
  option unknown-245 a8:3f:81:10;
  expire never;
}
`;
const NETWORKD = `# This is private data. Do not parse.
ADDRESS=10.0.0.4
SERVER_ADDRESS=168.63.129.16
LIFETIME=4294967295
OPTION_245=a83f8110
`;
const NETWORK_MANAGER = `# This is private data. Do not parse.
ADDRESS=10.0.0.5
SERVER_ADDRESS=168.63.129.16
OPTION_245=a83f8110
`;

describe('DHCP option 245', () => {
  it.each([
    ['dhclient, the newest lease', fromDhclient, DHCLIENT],
    ['systemd-networkd', fromNetworkd, NETWORKD],
    ['NetworkManager with its own client', fromNetworkManager, NETWORK_MANAGER],
    ['NetworkManager with dhclient', fromNetworkManager, DHCLIENT],
    ['NetworkManager’s device', fromNetworkManager, 'DHCP4.OPTION[9]:   private_245 = a8:3f:81:10\n'],
    ['dhclient with a name of its own for it', fromDhclient, '  option wireserver a8:3f:81:10;\n'],
    ['dhclient that quotes the bytes', fromDhclient, '  option unknown-245 "\\250?\\201\\020";\n'],
  ])('is read from the leases of %s', (_name, read, text) => {
    expect(read(text)).toBe('168.63.129.16');
  });

  it.each(['a8:3f:81:10', 'A8:3F:81:10', 'a83f8110', '0xa83f8110', '168.63.129.16', ' "\\250?\\201\\020" '])(
    'is understood as %s',
    (value) => {
      expect(fromValue(value)).toBe('168.63.129.16');
    },
  );

  it.each([
    '',
    'a8:3f:81',
    'a8:3f:81:10:00',
    '00:00:00:00',
    'ff:ff:ff:ff',
    '7f:00:00:01',
    '300.1.1.1',
    'a83f81',
    '"abc"',
  ])('is nothing as %j', (value) => {
    expect(fromValue(value)).toBeUndefined();
  });

  it('is nothing where it is not', () => {
    expect([fromDhclient(''), fromNetworkd('ADDRESS=10.0.0.4\n'), fromNetworkManager('x')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('is looked for in the folders of all clients, each address once, whatever cannot be read', async () => {
    const root = mkdtempSync(path.join(tmpdir(), 'forewarn-leases-'));
    onTestFinished(() => {
      rmSync(root, { recursive: true });
    });
    mkdirSync(path.join(root, 'netif', '4'), { recursive: true });
    writeFileSync(path.join(root, 'netif', '2'), NETWORKD);
    mkdirSync(path.join(root, 'dhcp'));
    writeFileSync(path.join(root, 'dhcp', 'dhclient.eth0.leases'), DHCLIENT);
    writeFileSync(path.join(root, 'dhcp', 'other'), '  option unknown-245 0a:00:00:01;\n');
    const folders = [
      { folder: path.join(root, 'netif'), files: /^\d+$/, read: fromNetworkd },
      { folder: path.join(root, 'dhcp'), files: /^dhclient/, read: fromDhclient },
      { folder: path.join(root, 'none'), files: /./, read: fromDhclient },
    ];
    expect(await leasedEndpoints(folders)).toEqual(['http://168.63.129.16']);
  });
});
