import { describe, expect, it } from 'vitest';
import { SettingsError } from '../../../common/runtime/settings.ts';
import { defaultFleet, loadFleet, parseFleet } from '../../../emulator/fleet/load-fleet.ts';
import type { Fleet } from '../../../emulator/fleet/fleet.ts';

function parse(text: string, environment: Record<string, string> = {}): Fleet {
  return parseFleet({ file: '/srv/shop/fleet.yaml', text }, environment);
}

function problemsOf(text: string): readonly string[] {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof SettingsError) return error.message.split('\n');
    throw error;
  }
  return [];
}

const SHOP = `
control: 127.0.0.1:\${FOREWARN_CONTROL_PORT:-7070}
host: process
folder: \${SHOP_FOLDER:-}
notice: { Freeze: 30s, Reboot: 30s, Redeploy: 30s }
impact: { rebootAtLeast: 1s, lingerAfterImpact: 500ms }
environment: { SCHEDULER_URL: "http://127.0.0.1:7080" }
cloudService:
  name: shop
  publicAddress: 127.0.0.1:\${SHOP_PORT:-8080}
  roles:
    - name: FrontEnd
      kind: web
      instances: 7
      ports: [http, gate]
      serves: http
      probe: { port: gate, path: /drainz, interval: 250ms, threshold: 2 }
      run:
        app: [node, front-end.mjs]
        agent: [forewarn, agent, --config, agent.yaml]
    - name: BackEnd
      kind: worker
      instances: 2
      run: { app: [node, back-end.mjs] }
`;

describe('the rules of a fleet file', () => {
  it('reach the platform, and name scopes that exist', () => {
    const file = (rules: string): string => `rules: { ${rules} }\nvms: [{ name: db1 }]`;
    const text = file('userOperations: 10, updateDomainsPerEvent: several, autoApprove: [db1]');
    expect(parseFleet({ file: 'fleet.yaml', text }).platform.rules).toEqual({
      allowsSeveralUpdateDomains: true,
      maxUserOperations: 10,
      autoApprovingScopes: new Set(['db1']),
    });
    expect(() => parseFleet({ file: 'fleet.yaml', text: file('autoApprove: [db2]') })).toThrow(
      'expected the name of a scope (db1), got "db2"',
    );
  });
});

describe('a fleet file', () => {
  it('describes a cloud service: instances, domains, notice, what is behind the public address', () => {
    const fleet = parse(SHOP, { SHOP_PORT: '0' });
    expect(fleet.vms.map((found) => found.vm.name).slice(5)).toEqual([
      'FrontEnd_IN_5',
      'FrontEnd_IN_6',
      'BackEnd_IN_0',
      'BackEnd_IN_1',
    ]);
    expect(fleet.vms.map((found) => found.vm.updateDomain)).toEqual([0, 1, 2, 3, 4, 0, 1, 0, 1]);
    expect(fleet.vms.map((found) => found.vm.faultDomain)).toEqual([0, 1, 0, 1, 0, 1, 0, 0, 1]);
    expect(fleet).toMatchObject({
      control: { host: '127.0.0.1', port: 7070 },
      folder: undefined,
      workingFolder: '/srv/shop',
      scopes: { shop: 'cloud-service' },
      platform: {
        noticeMs: { Freeze: 30_000, Redeploy: 30_000, Preempt: 30_000, Terminate: 300_000 },
        rebootAtLeastMs: 1000,
        lingerAfterImpactMs: 500,
        disableAfterMs: 86_400_000,
      },
      balancing: {
        publicAddress: { port: 0 },
        role: 'FrontEnd',
        serves: 'http',
        probe: { port: 'gate', path: '/drainz', intervalMs: 250, threshold: 2 },
      },
    });
    expect(fleet.vms[0]).toMatchObject({
      ports: ['http', 'gate'],
      environment: { SCHEDULER_URL: 'http://127.0.0.1:7080' },
      run: { app: ['node', 'front-end.mjs'] },
    });
  });

  it('gives the same fleet the same vmIds every time, and every VM its own', () => {
    const ids = parse(SHOP).vms.map((found) => found.vm.vmId);
    expect(parse(SHOP).vms.map((found) => found.vm.vmId)).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids[0]).toMatch(/^[0-9A-F]{8}-[0-9A-F]{4}-8[0-9A-F]{3}-A[0-9A-F]{3}-[0-9A-F]{12}$/);
  });

  it('describes stand-alone VMs, availability sets and scale sets, each a scope', () => {
    const fleet = parse(`
host: none
folder: disks
vms: [{ name: db1, metadata: "127.0.0.1:7201", zone: "2" }]
availabilitySets: [{ name: set, updateDomains: 2, vms: [{ name: a }, { name: b }, { name: c }] }]
scaleSets: [{ name: pool, instances: 3, zones: ["1", "2"] }]
`);
    expect(fleet.scopes).toEqual({ db1: 'stand-alone', set: 'availability-set', pool: 'scale-set' });
    expect(fleet.vms.map(({ vm }) => [vm.name, vm.scope, vm.updateDomain, vm.zone])).toEqual([
      ['db1', 'db1', 0, '2'],
      ['a', 'set', 0, ''],
      ['b', 'set', 1, ''],
      ['c', 'set', 0, ''],
      ['pool_0', 'pool', 0, '1'],
      ['pool_1', 'pool', 1, '2'],
      ['pool_2', 'pool', 2, '1'],
    ]);
    expect(fleet.vms[0]?.metadata).toEqual({ host: '127.0.0.1', port: 7201 });
    expect(fleet.folder).toBe('/srv/shop/disks');
  });

  it('need not be there: one VM to be curious with', () => {
    expect(defaultFleet('/srv')).toMatchObject({
      host: 'none',
      vms: [{ vm: { name: 'vm0', scope: 'vm0' }, metadata: { port: 7071 } }],
    });
  });

  it('says everything that is wrong in it at once, with line and key', () => {
    expect(
      problemsOf(`control: 7070
host: docker
notice: { Freeze: 30 }
cloudService:
  name: shop
  roles:
    - { name: Front End, kind: web, instances: 0 }
    - { name: Web, kind: web, instances: 1, ports: [http], serves: htpp, run: { app: node app.mjs } }
vms: [{ nmae: db1 }]
`),
    ).toEqual([
      '/srv/shop/fleet.yaml:1: control: expected string, got 7070',
      '/srv/shop/fleet.yaml:2: host: expected one of "none"|"process"|"command", got "docker"',
      '/srv/shop/fleet.yaml:3: notice.Freeze: expected a duration like "30s" or "1m30s", got 30',
      '/srv/shop/fleet.yaml:7: cloudService.roles[0].name: expected a name of letters, digits, "_", "-" and ".", got "Front End"',
      expect.stringContaining('fleet.yaml:7: cloudService.roles[0].instances: '),
      expect.stringContaining('fleet.yaml:8: cloudService.roles[1].run.app: expected a command as a list'),
      expect.stringContaining('fleet.yaml:8: cloudService.roles[1].serves: expected the name of one of the role'),
      expect.stringContaining('fleet.yaml:8: cloudService.roles[1].probe: expected a probe beside serves'),
      expect.stringContaining('fleet.yaml:9: vms[0].name: expected string, got nothing'),
      expect.stringContaining('fleet.yaml:9: vms[0].nmae: expected a known key'),
    ]);
  });

  it.each([
    ['control: 0.0.0.0:7070\nvms: [{ name: a }]', 'control: expected a loopback address, or controlToken'],
    ['vms: [{ name: a }, { name: A }]', 'vms[1].name: expected another name than "A"'],
    ['host: none', 'expected at least one VM'],
    [
      'cloudService: { name: s, roles: [{ name: W, kind: web, instances: 1, ports: [h], serves: x }] }',
      'serves: expected the name of one of the role\'s ports (its ports are h), got "x"',
    ],
    [
      'cloudService: { name: s, roles: [{ name: W, kind: web, instances: 1, ports: [h], serves: h }] }',
      'probe: expected a probe beside serves',
    ],
    [
      'cloudService: { name: s, publicAddress: "127.0.0.1:0", roles: [{ name: W, kind: worker, instances: 1 }] }',
      'publicAddress: expected a role of kind web with serves',
    ],
    [
      'cloudService: { name: s, roles: [{ name: W, kind: web, instances: 1, ports: [h], serves: h, probe: { port: h } }] }',
      'serves: expected cloudService.publicAddress beside it',
    ],
    ['vms: [{ name: a, metadataAt: [dhcp] }]', 'vms[0].metadataAt: expected dhcp only beside network: namespaces'],
    ['vms: [{ name: a, metadataAt: [] }]', 'vms[0].metadataAt'],
  ])('is refused when it is %s', (text, words) => {
    expect(problemsOf(text).join('\n')).toContain(words);
  });

  it('that is not there is named', async () => {
    await expect(loadFleet('/nowhere/fleet.yaml', {})).rejects.toThrow('/nowhere/fleet.yaml: expected a readable file');
  });
});
