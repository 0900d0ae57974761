import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemEnvironment } from '../../common/runtime/environment.ts';
import type { ActivityKind } from '../../emulator/activity.ts';
import { parseFleet } from '../../emulator/fleet/load-fleet.ts';
import { startEmulator, type Emulator } from '../../emulator/start-emulator.ts';

const TOOL = `
import { appendFileSync } from 'node:fs';
const { FOREWARN_VM_NAME, FOREWARN_VERB, FOREWARN_EVENT_TYPE, FOREWARN_DURATION_MS } = process.env;
const line = [process.argv[2], FOREWARN_VM_NAME, FOREWARN_VERB, FOREWARN_EVENT_TYPE, FOREWARN_DURATION_MS].join(' ');
appendFileSync('log', line + '\\n');
if (process.argv[3] === 'fail') { console.error('no such domain'); process.exit(7); }
if (process.argv[3] === 'hang') setInterval(() => {}, 1000);
`;

let folder: string;
let emulator: Emulator | undefined;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'forewarn-test-'));
  await writeFile(path.join(folder, 'tool.mjs'), TOOL);
});
afterEach(async () => {
  await emulator?.close();
  await rm(folder, { recursive: true, force: true });
});

async function start(commands: string): Promise<Emulator> {
  const text = `
control: 127.0.0.1:0
host: command
commands: { ${commands} }
impact: { rebootAtLeast: 10ms, lingerAfterImpact: 0s }
vms: [{ name: web1 }]
`;
  const fleet = parseFleet({ file: path.join(folder, 'fleet.yaml'), text });
  const programs = { node: process.execPath, forewarn: [] };
  emulator = await startEmulator({ fleet, environment: systemEnvironment(), programs });
  return emulator;
}

async function hit(type: 'Freeze' | 'Reboot' | 'Redeploy' | 'Terminate', durationSeconds?: number): Promise<void> {
  emulator?.operations.schedule({ type, resources: ['web1'], entry: 'failure', durationSeconds });
  await happens('event.gone');
}

async function happens(kind: ActivityKind): Promise<string> {
  return await new Promise((resolve) => {
    const unsubscribe = emulator?.feed.subscribe((activity) => {
      if (activity.kind !== kind) return;
      unsubscribe?.();
      resolve(activity.detail);
    });
  });
}

const log = async (): Promise<readonly string[]> =>
  (await readFile(path.join(folder, 'log'), 'utf8')).trimEnd().split('\n');
const tool = (verb: string, more = ''): string => `${verb}: [node, tool.mjs, "${verb}-{vm}"${more}]`;

describe('the host of commands', () => {
  it('freezes and thaws, reboots, redeploys and terminates by the commands of the fleet file', async () => {
    await start(['freeze', 'thaw', 'reboot', 'redeploy', 'terminate'].map((verb) => tool(verb)).join(', '));
    await hit('Freeze', 1);
    await hit('Reboot');
    await hit('Redeploy');
    await hit('Terminate');
    expect(await log()).toEqual([
      'freeze-web1 web1 freeze Freeze 1000',
      'thaw-web1 web1 thaw Freeze 1000',
      'reboot-web1 web1 reboot Reboot 10',
      'redeploy-web1 web1 redeploy Redeploy 10',
      'terminate-web1 web1 terminate Terminate 0',
    ]);
  });

  it('tells how a command failed and what it said; the event ends all the same', async () => {
    await start(tool('reboot', ', fail'));
    const failed = happens('vm.failed');
    await hit('Reboot');
    expect(await failed).toMatch(/the command for reboot of VM web1, .*, ended with status 7; it said: no such domain/);
  });

  it('kills a command that takes too long', async () => {
    await start(`${tool('reboot', ', hang')}, timeLimit: 500ms`);
    const failed = happens('vm.failed');
    await hit('Reboot');
    expect(await failed).toContain('took longer than 500 ms');
  });

  it('thaws a VM whose command for freezing failed, and says of a missing one that it is missing', async () => {
    await start(`freeze: [/nonexistent/tool], ${tool('thaw')}`);
    const failed = happens('vm.failed');
    await hit('Freeze', 60);
    expect(await failed).toContain('could not be started');
    expect(await log()).toEqual(['thaw-web1 web1 thaw Freeze 60000']);
    const killed = happens('vm.killed');
    await hit('Reboot');
    expect(await killed).toContain('no command for reboot');
  });

  it('thaws what is frozen when the emulator ends', async () => {
    await start(`${tool('freeze')}, ${tool('thaw')}`);
    const frozen = happens('vm.frozen');
    emulator?.operations.schedule({ type: 'Freeze', resources: ['web1'], entry: 'failure', durationSeconds: 60 });
    await frozen;
    await emulator?.close();
    expect((await log()).at(-1)).toBe('thaw-web1 web1 thaw Freeze 60000');
  });

  it('is wanted with commands, and commands with it', () => {
    const parse = (text: string) => () => parseFleet({ file: 'fleet.yaml', text: `${text}\nvms: [{ name: web1 }]` });
    expect(parse('host: command')).toThrow('commands: expected commands beside host: command');
    expect(parse('host: none\ncommands: { reboot: [x] }')).toThrow('the host is none');
  });
});
