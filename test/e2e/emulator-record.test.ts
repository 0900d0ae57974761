import { spawn, spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startForewarn } from '../support/program.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { startEmulator } from '../../emulator/library.ts';

const CLI = path.resolve(import.meta.dirname, '../../cli.ts');

describe('forewarn emulator record and replay', () => {
  it('work as commands', async () => {
    await using cloud = await startEmulator();
    const { eventId } = cloud.schedule({ type: 'Reboot', vms: ['vm0'] });
    const file = path.join(temporaryFolder(), 'events.jsonl');
    // Not spawnSync: the emulator in this process has to go on answering.
    const parameters = ['--from', cloud.metadata('vm0'), '--out', file, '--for', '1500ms'];
    const recorder = spawn(process.execPath, [CLI, 'emulator', 'record', ...parameters], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let printed = '';
    recorder.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    const status = await new Promise((resolve) => recorder.once('close', resolve));
    expect([status, printed]).toEqual([0, expect.stringContaining(`1 different answers in ${file}`)]);

    const replay = await startForewarn(['emulator', 'replay', file, '--listen', '127.0.0.1:0']);
    onTestFinished(async () => {
      await replay.stop();
    });
    const answer = await fetch(`${String(replay.ready['metadata'])}/metadata/scheduledevents?api-version=2020-07-01`);
    expect(await answer.json()).toMatchObject({ Events: [{ EventId: eventId, EventStatus: 'Scheduled' }] });
    expect(await replay.stop('SIGINT')).toBe(0);
  });

  it('say what is wrong with a file', () => {
    const done = spawnSync(process.execPath, [CLI, 'emulator', 'replay', CLI], { encoding: 'utf8' });
    expect(done.status).toBe(2);
    expect(done.stderr).toContain(`${CLI}:1: expected a line of a recording`);
  });
});
