import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemEnvironment } from '../../common/runtime/environment.ts';
import { parseFleet } from '../../emulator/fleet/load-fleet.ts';
import { startEmulator, type Emulator } from '../../emulator/start-emulator.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/*
 * Clients that were never written for an emulator, as Debian ships them, unmodified: Pacemaker's resource agents for Scheduled
 * Events, cloud-init, and the Azure Linux Agent. Each runs in a VM of the emulator, in a network namespace in which
 * 169.254.169.254 is the emulated service, and knows no other address. What stands in for Pacemaker's own commands is in
 * debian-clients/ and says so.
 *
 * The packages are taken from where they are installed, or from the folder FOREWARN_DEBIAN_CLIENTS, into which .ci/run unpacks
 * them: installed on a machine with systemd, two of them would begin to configure it.
 */

const STAND_INS = path.join(import.meta.dirname, 'debian-clients');
const AGENTS = 'usr/lib/ocf/resource.d/heartbeat';
const PYTHON = 'usr/lib/python3/dist-packages';
const WITHIN = { timeout: 40_000, interval: 100 } as const;
const isCi = process.env['CI'] === 'true';
const hasNamespaces = process.getuid?.() === 0 && spawnSync('ip', ['-V']).status === 0;

/** The folder below which a package's file is; undefined where the package is not. */
function rootOf(file: string): string | undefined {
  return [process.env['FOREWARN_DEBIAN_CLIENTS'], '/'].find(
    (root) => root !== undefined && root !== '' && existsSync(path.join(root, file)),
  );
}

/** In CI a client that is missing is a failure: the tests must not turn green by not running. */
function withClient(debianPackage: string, file: string): { skip: boolean; needs: string; root: string } {
  const root = rootOf(file);
  const isThere = root !== undefined && hasNamespaces;
  const needs = isThere ? '' : ` (needs: root, iproute2, and Debian's ${debianPackage})`;
  return { skip: !isThere && !isCi, needs, root: root ?? '/' };
}

async function start(folder: string, text: string): Promise<Emulator> {
  const emulator = await startEmulator({
    fleet: parseFleet({ file: path.join(folder, 'fleet.yaml'), text }),
    environment: systemEnvironment(),
    programs: { node: process.execPath, forewarn: [] },
  });
  onTestFinished(async () => {
    await emulator.close();
  });
  return emulator;
}

const pacemaker = withClient('resource-agents', `${AGENTS}/azure-events-az`);

describe.skipIf(pacemaker.skip)(`Pacemaker's resource agent${pacemaker.needs}`, () => {
  it.each(['azure-events-az', 'azure-events'])(
    '%s clears its node, approves the event when nothing is left on it, and puts it back when it has rebooted',
    async (agent) => {
      const folder = temporaryFolder();
      const cluster = path.join(folder, 'cluster');
      mkdirSync(cluster);
      const run = `run: { monitor: [pacemaker, ${path.join(pacemaker.root, AGENTS, agent)}] }`;
      const emulator = await start(
        folder,
        `
control: 127.0.0.1:0
network: namespaces
folder: vms
impact: { rebootAtLeast: 500ms, lingerAfterImpact: 500ms }
environment:
  PATH: '${STAND_INS}:/usr/bin:/bin:/usr/sbin:/sbin'
  CLUSTER_FOLDER: ${cluster}
  CLUSTER_NODES: db1 db2
  OCF_ROOT: ${path.join(pacemaker.root, 'usr/lib/ocf')}
  OCF_RESOURCE_INSTANCE: rsc_events
availabilitySets: [{ name: set, vms: [{ name: db1, ${run} }, { name: db2, ${run} }] }]
`,
      );
      const attribute = (name: string, node = 'cluster'): string | undefined => {
        const file = path.join(cluster, node, name);
        return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
      };
      const state = (): string | undefined => attribute(`${agent}_curNodeState`, 'db1');
      // Both nodes have asked for their names, and told them to the cluster.
      await expect.poll(() => [attribute('hostName_db1'), attribute('hostName_db2')], WITHIN).toEqual(['db1', 'db2']);

      const { eventId } = emulator.operations.schedule({ type: 'Reboot', resources: ['db1'] });
      const event = () => emulator.operations.events().find((found) => found.eventId === eventId);
      await expect.poll(() => event()?.approvals.length, WITHIN).toBeGreaterThan(0);
      expect(['IN_EVENT', 'AVAILABLE']).toContain(state());
      await expect.poll(() => event()?.state, WITHIN).toBe('completed');
      await expect.poll(state, WITHIN).toBe('AVAILABLE');
      await expect.poll(() => attribute(`${agent}_pendingEventIDs`, 'db1'), WITHIN).toBe(undefined);
      expect(event()).toMatchObject({ approvals: [{ by: expect.stringMatching(/^db[12]$/) as string }] });
    },
  );
});

/** Runs a program once in a VM and returns what it has written. */
async function resultOf(client: { root: string }, program: string, fleet = ''): Promise<[unknown, Emulator]> {
  const folder = temporaryFolder();
  const result = path.join(folder, 'result.json');
  const emulator = await start(
    folder,
    `
control: 127.0.0.1:0
network: namespaces
folder: vms
environment: { PYTHONPATH: '${path.join(client.root, PYTHON)}', PYTHONDONTWRITEBYTECODE: '1' }
${fleet}
vms:
  - name: web1
    instance:
      adminUsername: ops
      publicKeys: [{ path: /home/ops/.ssh/authorized_keys, keyData: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample ops }]
      userData: hello
    run: { client: [/usr/bin/python3, ${path.join(STAND_INS, program)}, ${program === 'waagent.py' ? result : `${folder}, ${result}`}] }
`,
  );
  const read = (): unknown => {
    try {
      return JSON.parse(readFileSync(result, 'utf8'));
    } catch {
      // Not there yet, or half written: the console says why, if it stays so.
      return readFileSync(path.join(folder, 'vms/web1/console.log'), 'utf8');
    }
  };
  await expect.poll(read, WITHIN).toMatchObject({ vmId: expect.any(String) as string });
  return [read(), emulator];
}

const cloudInit = withClient('cloud-init', `${PYTHON}/cloudinit/sources/DataSourceAzure.py`);

describe.skipIf(cloudInit.skip)(`cloud-init${cloudInit.needs}`, () => {
  it.each([
    ['in the version that it wants', '', true],
    ['in an older one, where the region refuses that version', 'metadata: { refuseVersions: [2021-08-01] }', false],
  ])('reads what this VM is, %s', async (_name, fleet, hasUserData) => {
    const [found, emulator] = await resultOf(cloudInit, 'cloud-init.py', fleet);
    expect(found).toMatchObject({
      vmId: emulator.operations.fleet().vms[0]?.vmId.toLowerCase(),
      network: { version: 2, ethernets: { eth0: { dhcp4: true, 'set-name': 'eth0' } } },
      publicKeys: [expect.stringContaining('ssh-ed25519') as string],
    });
    // Fields are younger than the older version.
    expect(found).toMatchObject(
      hasUserData
        ? { hostname: 'web1', username: 'ops', disablePassword: true, userData: 'aGVsbG8=' }
        : { hostname: null, username: null, userData: null },
    );
  });
});

const waagent = withClient('waagent', `${PYTHON}/azurelinuxagent/common/protocol/imds.py`);

describe.skipIf(waagent.skip)(`the Azure Linux Agent${waagent.needs}`, () => {
  it('finds the metadata service healthy, and its VM in it', async () => {
    const [found, emulator] = await resultOf(waagent, 'waagent.py');
    const vmId = emulator.operations.fleet().vms[0]?.vmId.toLowerCase();
    expect(found).toMatchObject({ isHealthy: true, problem: '', name: 'web1', vmId, location: 'westeurope' });
  });
});
