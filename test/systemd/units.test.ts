import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadAgentSettings } from '../../agent/settings.ts';
import { readSchedulerSettings } from '../../scheduler/settings.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const SYSTEMD = path.resolve(import.meta.dirname, '../../systemd');
const UNITS = path.join(SYSTEMD, 'usr/lib/systemd/system');
const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;
/** In CI a missing systemd is a failure: the tests must not turn green by not running. */
const runsSystemd = hasSystemd || process.env['CI'] === 'true';
const needs = hasSystemd ? '' : ' (needs: apt-get install systemd)';

describe('what is installed on a machine', () => {
  it('holds settings that the programs accept as they stand', async () => {
    const agent = await loadAgentSettings(path.join(SYSTEMD, 'etc/forewarn/agent.yaml'), {});
    expect(agent).toMatchObject({ state: '/var/lib/forewarn', metadata: { endpoint: 'auto' } });
    const scheduler = await readSchedulerSettings(path.join(SYSTEMD, 'etc/forewarn/scheduler.yaml'), {}, '/');
    expect(scheduler.store).toEqual({ kind: 'sqlite', file: '/var/lib/forewarn-scheduler/forewarn.db' });
  });

  it('starts the programs with the settings that are installed beside them', () => {
    const started = Object.fromEntries(
      readdirSync(UNITS)
        .filter((unit) => unit.endsWith('.service'))
        .map((unit) => [unit, /^ExecStart=(.*)$/m.exec(readFileSync(path.join(UNITS, unit), 'utf8'))?.[1]]),
    );
    expect(started).toEqual({
      'forewarn-agent.service': '/usr/bin/forewarn agent --config /etc/forewarn/agent.yaml',
      'forewarn-privileged@.service':
        '/usr/bin/forewarn agent privileged --folder /etc/forewarn/privileged.d --locks /run/forewarn-privileged',
      'forewarn-scheduler.service': '/usr/bin/forewarn scheduler --config /etc/forewarn/scheduler.yaml',
    });
  });

  it('asks for privileges at the socket that the settings name, and lists what may run in folders of root', async () => {
    const agent = await loadAgentSettings(path.join(SYSTEMD, 'etc/forewarn/agent.yaml'), {});
    const socket = readFileSync(path.join(UNITS, 'forewarn-privileged.socket'), 'utf8');
    expect(socket).toContain(`ListenStream=${agent.privileged?.socket}\n`);
    const folders = readFileSync(path.join(SYSTEMD, 'usr/lib/tmpfiles.d/forewarn.conf'), 'utf8');
    for (const folder of [agent.hooks?.folder, agent.tasks?.folder, agent.privileged?.folder])
      expect(folders).toMatch(new RegExp(`^d ${folder} +0755 root root -$`, 'm'));
  });

  it('opens the port that the settings give to the gate', async () => {
    const agent = await loadAgentSettings(path.join(SYSTEMD, 'etc/forewarn/agent.yaml'), {});
    const socket = readFileSync(path.join(UNITS, 'forewarn-agent.socket'), 'utf8');
    expect(socket).toContain(`ListenStream=${agent.gate?.listen.host}:${agent.gate?.listen.port}\n`);
  });

  it.skipIf(!runsSystemd)(`has units without a mistake${needs}`, () => {
    const root = temporaryFolder();
    cpSync(SYSTEMD, root, { recursive: true });
    // systemd looks for the program in the root that it verifies.
    mkdirSync(path.join(root, 'usr/bin'), { recursive: true });
    for (const program of ['forewarn', 'sh']) {
      writeFileSync(path.join(root, 'usr/bin', program), '#!/bin/sh\n');
      chmodSync(path.join(root, 'usr/bin', program), 0o755);
    }
    symlinkSync('usr/bin', path.join(root, 'bin'));
    for (const target of [
      'network-online.target',
      'multi-user.target',
      'sysinit.target',
      'basic.target',
      'shutdown.target',
      'system.slice',
      '-.slice',
      'sockets.target',
    ])
      writeFileSync(path.join(root, 'usr/lib/systemd/system', target), '[Unit]\nDescription=stands in\n');
    for (const unit of readdirSync(UNITS)) {
      const verified = spawnSync('systemd-analyze', ['verify', '--man=no', `--root=${root}`, instance(unit)], {
        encoding: 'utf8',
      });
      expect(`${verified.status} ${verified.stderr}`).toBe('0 ');
    }
  });

  it.skipIf(!runsSystemd)(`exposes little of the machine${needs}`, () => {
    for (const unit of ['forewarn-agent.service', 'forewarn-scheduler.service']) {
      const text = execFileSync('systemd-analyze', ['security', '--offline=true', path.join(UNITS, unit)], {
        encoding: 'utf8',
      });
      const exposure = Number(/Overall exposure level.*?: (\d+\.\d+)/.exec(text)?.[1]);
      expect(exposure).toBeLessThanOrEqual(1.5);
    }
  });
});

/** A template is verified as one of its instances. */
const instance = (unit: string): string => unit.replace('@.', '@test.');
