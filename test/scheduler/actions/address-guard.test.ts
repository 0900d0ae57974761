import { describe, expect, it } from 'vitest';
import { judgeAddress } from '../../../scheduler/actions/address-guard.ts';
import { parseRangeOrUndefined, type AddressRules } from '../../../scheduler/actions/address-guard.ts';
import { AddressRefusedError, createAddressGuard } from '../../../scheduler/actions/guarded-agent.ts';

const connect = (url: string, rules: Partial<AddressRules> & { readonly ranges?: readonly string[] } = {}): void => {
  const allow = (rules.ranges ?? []).map((text) => parseRangeOrUndefined(text)).filter((range) => range !== undefined);
  const { hostname, port } = new URL(url);
  createAddressGuard({ allowPrivate: false, ownPort: () => undefined, allow, ...rules }).assertLiteral(
    hostname,
    Number(port) || 80,
  );
};

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
    // NAT64 with a local prefix of 48, 56, 64 bits (RFC 6052, 2.2).
    '64:ff9b:1:a9fe:a9:fe00::',
    '64:ff9b:1:a9:fe:a9fe::',
    '64:ff9b:1::a9:fea9:fe00:0',
    '::ffff:0:169.254.169.254',
    '2001:db8::5efe:169.254.169.254',
    'fe80::1%eth0',
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
      connect(url, { allowPrivate: true });
    }).toThrow(AddressRefusedError);
  });

  it('names the settings that would permit a private address', () => {
    expect(() => {
      connect('http://10.0.0.1/');
    }).toThrow(/http\.allow: \[10\.0\.0\.1\] permits it, http\.allowPrivate permits it/);
    expect(() => {
      connect('http://10.0.0.1/', { allowPrivate: true });
    }).not.toThrow();
  });

  it('permits the ranges of the setting and their embedded forms, and nothing beside them', () => {
    const ranges = ['10.1.0.0/16', 'fd00:1::/32', '127.0.0.1'];
    for (const host of ['10.1.2.3', '[::ffff:10.1.2.3]', '[fd00:1::5]', '127.0.0.1', '8.8.8.8', 'example.org']) {
      expect(() => {
        connect(`http://${host}/`, { ranges });
      }, host).not.toThrow();
    }
    for (const host of ['10.2.0.1', '[fd00:2::5]', '127.0.0.2', '[::ffff:10.2.0.1]', '169.254.169.254']) {
      expect(() => {
        connect(`http://${host}/`, { ranges });
      }, host).toThrow(AddressRefusedError);
    }
  });

  it('never opens what is forbidden, however wide the range', () => {
    for (const url of ['http://169.254.169.254/', 'http://168.63.129.16/', 'http://[fe80::1]/']) {
      expect(() => {
        connect(url, { ranges: ['0.0.0.0/0', '::/0'], allowPrivate: true });
      }).toThrow(/no setting permits it/);
    }
  });

  it('never lets a job call the scheduler itself, at any of its addresses', () => {
    const own = { allowPrivate: true, ranges: ['127.0.0.0/8'], ownPort: () => 7080 };
    for (const host of ['127.0.0.1', '127.9.9.9', '[::1]', '[::ffff:127.0.0.1]']) {
      expect(() => {
        connect(`http://${host}:7080/`, own);
      }, host).toThrow(/where this scheduler itself listens; no setting permits it/);
      expect(() => {
        connect(`http://${host}:7081/`, own);
      }, host).not.toThrow();
    }
  });
});

describe('a range of the setting http.allow', () => {
  it.each(['10.0.0.0/8', '127.0.0.1', '192.168.1.7/32', 'fd00::/8', '::1', '0.0.0.0/0'])('may be %s', (text) => {
    expect(parseRangeOrUndefined(text)).toBeDefined();
  });

  it.each([
    '169.254.169.254',
    '169.254.0.0/16',
    '168.63.129.16',
    'fe80::/10',
    '239.0.0.0/8',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0/8',
    'host',
    '10.0.0.0/8/9',
    '::/129',
    '',
  ])('may not be %j', (text) => {
    expect(parseRangeOrUndefined(text)).toBeUndefined();
  });
});
