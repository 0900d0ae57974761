import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { emulate, startAgent } from './agent-rig.ts';

const WITHIN = { timeout: 30_000 };

describe('an agent that is killed in the middle of a hook', () => {
  it('ends it before it runs it again, so that it never runs twice at once', async () => {
    const emulator = await emulate(['vm0']);
    const rig = await startAgent(emulator, 'vm0', { folder: temporaryFolder() });
    const lives = path.join(rig.folder, 'lives');
    const file = path.join(rig.folder, 'hooks.d/prepare/10-wait');
    // Says when it finds another of its kind; ends on no account by itself, not even on SIGTERM, until it may.
    writeFileSync(
      file,
      `#!/bin/sh
trap '' TERM
for pid in $(cat ${lives} 2>/dev/null); do grep -qs '^State:.[^Z]' /proc/$pid/status && touch ${rig.folder}/twice; done
echo $$ >> ${lives}
while [ ! -e ${rig.folder}/go ] && [ -d ${rig.folder} ]; do sleep 0.05; done
`,
    );
    chmodSync(file, 0o755);
    const runs = (): readonly string[] => (existsSync(lives) ? readFileSync(lives, 'utf8').trim().split('\n') : []);

    await expect.poll(rig.gate, WITHIN).toBe(200);
    emulator.operations.schedule({ type: 'Reboot', resources: ['vm0'], noticeMs: 60_000 });
    await expect.poll(() => runs().length, WITHIN).toBe(1);
    await rig.kill();
    await rig.start();
    await expect.poll(() => runs().length, WITHIN).toBe(2);
    writeFileSync(path.join(rig.folder, 'go'), '');

    await expect.poll(rig.gate, WITHIN).toBe(200);
    expect(existsSync(path.join(rig.folder, 'twice'))).toBe(false);
  });
});

describe('an agent that is told to stop in the middle of a hook', () => {
  it('ends the hook first, whatever it thinks of it, and what has left for elsewhere', async () => {
    const emulator = await emulate(['vm0']);
    const rig = await startAgent(emulator, 'vm0', { folder: temporaryFolder() });
    const file = path.join(rig.folder, 'hooks.d/prepare/10-wait');
    const daemon = `setsid sh -c 'echo $$ >> ${rig.folder}/pids; exec sleep 60' &`;
    writeFileSync(
      file,
      `#!/bin/sh\ntrap '' TERM\n${daemon}\necho $$ >> ${rig.folder}/pids\nwhile :; do sleep 0.1; done\n`,
    );
    const pids = (): readonly string[] => {
      const list = path.join(rig.folder, 'pids');
      return existsSync(list) ? readFileSync(list, 'utf8').trim().split('\n') : [];
    };
    await expect.poll(rig.gate, WITHIN).toBe(200);
    emulator.operations.schedule({ type: 'Reboot', resources: ['vm0'], noticeMs: 60_000 });
    await expect.poll(() => pids().length, WITHIN).toBe(2);

    expect(await rig.program.stop('SIGTERM')).toBe(0);

    await expect.poll(() => pids().filter(isRunning), WITHIN).toEqual([]);
  });
});

function isRunning(pid: string): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
