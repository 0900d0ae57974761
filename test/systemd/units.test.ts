import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
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
    expect(agent).toMatchObject({ state: '/var/lib/forewarn', metadata: { endpoint: 'http://169.254.169.254' } });
    const scheduler = await readSchedulerSettings(path.join(SYSTEMD, 'etc/forewarn/scheduler.yaml'), {}, '/');
    expect(scheduler.storeFile).toBe('/var/lib/forewarn-scheduler/forewarn.db');
  });

  it('starts the programs with the settings that are installed beside them', () => {
    const started = readdirSync(UNITS).map(
      (unit) => /^ExecStart=(.*)$/m.exec(readFileSync(path.join(UNITS, unit), 'utf8'))?.[1],
    );
    expect(started).toEqual([
      '/usr/bin/forewarn agent --config /etc/forewarn/agent.yaml',
      '/usr/bin/forewarn scheduler --config /etc/forewarn/scheduler.yaml',
    ]);
  });

  it.skipIf(!runsSystemd)(`has units without a mistake${needs}`, () => {
    const root = temporaryFolder();
    cpSync(SYSTEMD, root, { recursive: true });
    // systemd looks for the program in the root that it verifies.
    mkdirSync(path.join(root, 'usr/bin'), { recursive: true });
    writeFileSync(path.join(root, 'usr/bin/forewarn'), '#!/bin/sh\n');
    chmodSync(path.join(root, 'usr/bin/forewarn'), 0o755);
    for (const target of [
      'network-online.target',
      'multi-user.target',
      'sysinit.target',
      'basic.target',
      'shutdown.target',
      'system.slice',
      '-.slice',
    ])
      writeFileSync(path.join(root, 'usr/lib/systemd/system', target), '[Unit]\nDescription=stands in\n');
    for (const unit of readdirSync(UNITS)) {
      const verified = spawnSync('systemd-analyze', ['verify', '--man=no', `--root=${root}`, unit], {
        encoding: 'utf8',
      });
      expect(`${verified.status} ${verified.stderr}`).toBe('0 ');
    }
  });

  it.skipIf(!runsSystemd)(`exposes little of the machine${needs}`, () => {
    for (const unit of readdirSync(UNITS)) {
      const text = execFileSync('systemd-analyze', ['security', '--offline=true', path.join(UNITS, unit)], {
        encoding: 'utf8',
      });
      const exposure = Number(/Overall exposure level.*?: (\d+\.\d+)/.exec(text)?.[1]);
      expect(exposure).toBeLessThanOrEqual(1.5);
    }
  });
});
