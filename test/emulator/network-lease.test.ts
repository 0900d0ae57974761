import { expect, it } from 'vitest';
import { fromNetworkd } from '../../agent/metadata/dhcp/option-245.ts';
import { leaseText } from '../../emulator/network/lease.ts';

it('writes option 245 into a lease as clients of DHCP read it', () => {
  const text = leaseText({ address: '198.18.0.1', server: '168.63.129.16' });
  expect(text).toContain('\nOPTION_245=a83f8110\n');
  expect(fromNetworkd(text)).toBe('168.63.129.16');
});
