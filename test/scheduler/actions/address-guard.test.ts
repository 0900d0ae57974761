import { describe, expect, it } from 'vitest';
import { judgeAddress } from '../../../scheduler/actions/address-guard.ts';
import { AddressRefusedError, refuseLiteral } from '../../../scheduler/actions/guarded-agent.ts';

describe('the address guard', () => {
  it.each([
    '169.254.169.254',
    '169.254.0.1',
    '168.63.129.16',
    'fe80::1',
    '0.0.0.0',
    '::',
    '224.0.0.1',
    '255.255.255.255',
    'ff02::1',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '::169.254.169.254',
    '64:ff9b::169.254.169.254',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::a9fe:a9fe',
    '2002:a9fe:a9fe::1',
    '2001:0:a9fe:a9fe::1',
    // Teredo: the client's address, inverted.
    '2001:0:808:808::5601:5601',
    '64:ff9b::a83f:8110',
  ])('never lets a job call %s', (address) => {
    expect(judgeAddress(address).kind).toBe('never');
  });

  it.each([
    '127.0.0.1',
    '127.8.8.8',
    '::1',
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '100.64.0.1',
    'fd00::1',
    '::ffff:10.0.0.1',
    '2002:0a00:0001::',
  ])('takes %s for private', (address) => {
    expect(judgeAddress(address).kind).toBe('private');
  });

  it.each([
    '8.8.8.8',
    '172.32.0.1',
    '100.128.0.1',
    '168.63.129.15',
    '2606:4700::1111',
    '2002:808:808::1',
    '64:ff9b::808:808',
  ])('lets a job call %s', (address) => {
    expect(judgeAddress(address).kind).toBe('allowed');
  });

  it.each([
    'http://2852039166/',
    'http://0xa9.0xfe.0xa9fe/',
    'http://169.254.43518/',
    'http://0251.0376.0251.0376/',
    'http://[::ffff:a9fe:a9fe]/',
  ])('sees through the spelling %s', (url) => {
    expect(() => {
      refuseLiteral(new URL(url), true);
    }).toThrow(AddressRefusedError);
  });

  it('names the setting that would permit a private address', () => {
    expect(() => {
      refuseLiteral(new URL('http://10.0.0.1/'), false);
    }).toThrow(/http\.allowPrivate permits it/);
    expect(() => {
      refuseLiteral(new URL('http://10.0.0.1/'), true);
    }).not.toThrow();
  });
});
