import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import path from 'node:path';
import type { AddressInfo } from 'node:net';
import { getuid } from 'node:process';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkCoordinator } from '../../../agent/doctor/check-coordinator.ts';
import { checkDrains, checkGate, checkNotice } from '../../../agent/doctor/check-drains.ts';
import { checkPlaces } from '../../../agent/doctor/check-places.ts';
import { checkPrivileged } from '../../../agent/doctor/check-privileged.ts';
import { checkPrograms } from '../../../agent/doctor/check-programs.ts';
import { formatFindings } from '../../../agent/doctor/show-findings.ts';
import { agentSettingsSchema, type AgentSettings } from '../../../agent/settings.ts';
import { parseSettings } from '../../../common/runtime/settings.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const settingsOf = (text: string): AgentSettings =>
  parseSettings({ file: 'agent.yaml', text }, agentSettingsSchema, {});
const states = (findings: readonly { readonly state: string }[]): string[] => findings.map((finding) => finding.state);
const userId = getuid?.() ?? 0;

describe('the doctor', () => {
  it.each([
    ['gate: { listen: 127.0.0.1:1, detection: 2s }', 0, 'ok'],
    ['gate: { listen: 127.0.0.1:1, detection: 40s }', 0, 'warning'],
    ['gate: { listen: 127.0.0.1:1, detection: 6m }', 0, 'wrong'],
    ['hooks: { folder: /x, timeout: 2m }', 3, 'wrong'],
    ['{}', 0, 'ok'],
  ])('compares what must be done with the notices that there are: %s, %i hooks', (text, hooks, expected) => {
    expect(checkNotice(settingsOf(text), hooks).state).toBe(expected);
  });

  it('asks the gate as a balancer would', async () => {
    const gate = { listen: { host: '0.0.0.0', port: 7091 } };
    const asked: string[] = [];
    const answer =
      (status: number | undefined) =>
      async (url: string): Promise<number | undefined> => {
        asked.push(url);
        return status;
      };
    expect(states(await checkGate(gate, 'out', answer(503)))).toEqual(['ok']);
    expect(states(await checkGate(gate, 'in', answer(undefined)))).toEqual(['wrong']);
    expect(states(await checkGate(gate, 'absent', answer(undefined)))).toEqual(['unknown']);
    expect(states(await checkGate(gate, 'absent', answer(200)))).toEqual(['warning']);
    expect(await checkGate(undefined, 'in', answer(200))).toEqual([]);
    expect(states(await checkGate(gate, 'in', answer(200)))).toEqual(['ok']);
    // In rotation as far as the agent is concerned, and out for every balancer.
    const probed = { ...gate, applicationProbe: { url: 'http://127.0.0.1:1/health' } };
    expect(await checkGate(probed, 'in', answer(503))).toMatchObject([
      { state: 'wrong', mend: expect.stringContaining('http://127.0.0.1:1/health') },
    ]);
    expect(new Set(asked)).toEqual(new Set(['http://127.0.0.1:7091/']));
  });

  it('looks at every balancer and turns nothing away', async () => {
    const touched: string[] = [];
    const touch = async (): Promise<void> => {
      touched.push('touched');
    };
    const drains = [
      { name: 'a', start: touch, restore: touch, read: async () => ({ clear: false, detail: '3 sessions' }) },
      {
        name: 'b',
        start: touch,
        restore: touch,
        read: async () => {
          throw new Error('no such socket');
        },
      },
    ];
    expect(await checkDrains(drains)).toMatchObject([
      { check: 'balancer a', state: 'ok', found: '3 sessions' },
      { check: 'balancer b', state: 'wrong', found: 'no such socket' },
    ]);
    expect(touched).toEqual([]);
  });

  it('finds hooks and tasks that would not be run', async () => {
    const folder = temporaryFolder();
    const [hooks, tasks] = [path.join(folder, 'hooks.d'), path.join(folder, 'tasks.d')];
    mkdirSync(path.join(hooks, 'prepare'), { recursive: true });
    mkdirSync(tasks);
    const settings = settingsOf(`hooks: { folder: ${hooks} }\ntasks: { folder: ${tasks} }`);
    const write = (file: string, mode: number): void => {
      writeFileSync(file, '#!/bin/sh\n');
      chmodSync(file, mode);
    };
    write(path.join(hooks, 'prepare', '10-good'), 0o755);
    write(path.join(tasks, 'patch'), 0o755);
    expect(states(await checkPrograms(settings, userId))).toEqual(['ok', 'ok']);
    write(path.join(hooks, 'prepare', '20-open-to-all'), 0o777);
    write(path.join(tasks, 'forgotten'), 0o644);
    writeFileSync(path.join(tasks, 'patch.yaml'), 'parameters: 3\n');
    expect(await checkPrograms(settings, userId)).toMatchObject([
      { check: 'hooks prepare/20-open-to-all', state: 'wrong' },
      { check: 'tasks forgotten', state: 'wrong' },
      { check: 'tasks patch', state: 'wrong' },
    ]);
    expect(states(await checkPrograms(settingsOf('hooks: { folder: /nowhere }'), userId))).toEqual(['wrong']);
  });

  it('finds what would not be run as root, and a unit that nobody can ask', async () => {
    const folder = temporaryFolder();
    const privileged = path.join(folder, 'privileged.d');
    const socket = path.join(folder, 'privileged.sock');
    for (const below of ['prepare', 'tasks']) mkdirSync(path.join(privileged, below), { recursive: true });
    const settings = settingsOf(
      `privileged: { folder: ${privileged}, socket: ${socket} }\ncommands: [{ action: turn, words: [web] }]`,
    );
    const write = (file: string, mode: number): void => {
      writeFileSync(path.join(privileged, file), '#!/bin/sh\n');
      chmodSync(path.join(privileged, file), mode);
    };
    write('prepare/10-good', 0o755);
    write('tasks/patch', 0o755);
    write('turn', 0o755);
    writeFileSync(socket, '');
    expect(states(await checkPrivileged(settings, userId))).toEqual(['ok']);
    write('prepare/20-open-to-all', 0o777);
    writeFileSync(path.join(privileged, 'tasks', 'patch.yaml'), 'parameters: 3\n');
    rmSync(path.join(privileged, 'turn'));
    rmSync(socket);
    expect(await checkPrivileged(settings, userId)).toMatchObject([
      { check: 'privileged turn', state: 'wrong', found: `there is no ${privileged}/turn` },
      { check: 'privileged prepare/20-open-to-all', state: 'wrong' },
      { check: 'privileged tasks/patch', state: 'wrong' },
      { check: 'privileged socket', state: 'wrong' },
    ]);
    expect(await checkPrivileged(settingsOf('{}'), userId)).toEqual([]);
  });

  it('tries to keep a promise where the settings say, without leaving anything there', async () => {
    const folder = temporaryFolder();
    const settings = settingsOf(`state: ${folder}\nsocket: ${folder}/agent.sock`);
    expect(states(await checkPlaces(settings))).toEqual(['ok', 'ok']);
    writeFileSync(path.join(folder, 'journal'), 'nonsense\n');
    expect(states(await checkPlaces(settings))).toEqual(['warning', 'ok']);
    const missing = settingsOf(`state: ${folder}/none\nsocket: ${folder}/none/agent.sock`);
    expect(states(await checkPlaces(missing))).toEqual(['warning', 'unknown']);
  });

  it('connects to every scheduler', async () => {
    const server = createServer((socket) => socket.destroy());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const urls = `["http://127.0.0.1:${port}", "http://127.0.0.1:1"]`;
    expect(states(await checkCoordinator(settingsOf(`scheduler: { url: ${urls} }`)))).toEqual(['ok', 'wrong']);
    expect(states(await checkCoordinator(settingsOf('{}')))).toEqual(['unknown']);
  });

  it('says under each thing that is not well how to mend it', () => {
    const findings = [
      { check: 'clock', state: 'ok', found: 'right', mend: '' },
      { check: 'state', state: 'wrong', found: 'full', mend: 'free some space' },
    ] as const;
    expect(formatFindings(findings).split('\n')).toEqual([
      'ok       clock: right',
      'WRONG    state: full',
      '           free some space',
    ]);
  });
});
