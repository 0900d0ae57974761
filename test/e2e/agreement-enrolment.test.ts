import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { startForewarn } from '../support/program.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { emulate, letGo, startAgent, type AgentRig } from './agent-rig.ts';
import { WITHIN } from './agreement-rig.ts';

const CLI = path.resolve(import.meta.dirname, '../../cli.ts');
const NODE = ['--disable-warning=ExperimentalWarning', CLI];

it('VMs join with one-time tokens, are cut off when their key is revoked, and join again with a new token', async () => {
  const folder = temporaryFolder();
  const config = path.join(folder, 'scheduler.yaml');
  writeFileSync(
    config,
    'listen: 127.0.0.1:0\naccess: { loopback: open }\nagents: { enrolment: required }\nstore: { sqlite: ./scheduler.db }\n',
  );
  const [scheduler, emulator] = await Promise.all([
    startForewarn(['scheduler', '--config', config]),
    emulate(['web1', 'web2']),
  ]);
  onTestFinished(async () => {
    await scheduler.stop('SIGKILL');
  });
  const url = `http://${String(scheduler.ready['listen'])}`;
  const forewarn = async (...words: string[]): Promise<string> => {
    const environment = { ...process.env, FOREWARN_SCHEDULER: url };
    return (await promisify(execFile)(process.execPath, [...NODE, ...words], { env: environment })).stdout;
  };
  const tokenFile = (name: string): string => path.join(folder, name, 'token');
  const enrol = async (name: string, ...words: string[]): Promise<void> => {
    mkdirSync(path.join(folder, name), { recursive: true });
    writeFileSync(tokenFile(name), await forewarn('vms', 'enrol', '--scope', 'set', ...words), { mode: 0o600 });
  };
  const start = async (name: string): Promise<AgentRig> =>
    await startAgent(emulator, name, {
      folder,
      extra: `scheduler: { url: "${url}", enrolmentTokenFile: ./token }`,
    });

  // With a token that is there from the beginning, and with one that comes later.
  await enrol('web1');
  const [first, second] = await Promise.all([start('web1'), start('web2')]);
  await expect.poll(first.gate, WITHIN).toBe(200);
  await expect.poll(() => second.program.output(), WITHIN).toContain('the scheduler refuses this VM');
  expect((await second.status()).coordinator).toBe('disconnected');
  expect(await second.gate()).toBe(503);
  await enrol('web2', '--name', 'web2', '--valid', '10m');
  await expect.poll(second.gate, WITHIN).toBe(200);
  expect(await forewarn('vms', 'keys')).toMatch(/SCOPE .*REVOKED\nset {4}web1 .*\nset {4}web2 /);
  for (const rig of [first, second]) {
    expect(statSync(path.join(rig.folder, 'state', 'agent-key.json')).mode & 0o777).toBe(0o600);
    rmSync(path.join(rig.folder, 'token'));
  }

  // The key holds from now on: no token is needed for a restart.
  await second.kill();
  await second.start();
  await expect.poll(async () => (await second.status()).coordinator, WITHIN).toBe('ready');
  await expect.poll(second.gate, WITHIN).toBe(200);

  expect(await forewarn('vms', 'revoke', 'set', 'web2')).toContain('its connection is closed');
  await expect.poll(async () => (await second.status()).coordinator, WITHIN).toBe('disconnected');
  const connected = async (): Promise<string> => await forewarn('vms');
  await expect.poll(connected, WITHIN).toMatch(/web2 .* lost /);
  expect(await forewarn('vms', 'keys')).toMatch(/set {4}web2 .*\d\d:\d\d:\d\d$/m);
  letGo(first);
  letGo(second);
  const { eventId } = emulator.operations.schedule({ type: 'Reboot', resources: ['web1', 'web2'], noticeMs: 180_000 });
  const approvals = (): number | undefined =>
    emulator.operations.events().find((event) => event.eventId === eventId)?.approvals.length;
  // Out of rotation all the same; but what it promises nobody believes.
  await expect.poll(async () => (await second.status()).events[0]?.promise, WITHIN).toBe('prepared');
  await expect.poll(async () => await forewarn('events', 'show', eventId), WITHIN).toContain('web2 has not reported');
  expect(approvals()).toBe(0);

  await enrol('web2', '--name', 'web2');
  await expect.poll(approvals, WITHIN).toBe(1);
  for (const rig of [first, second]) await expect.poll(rig.gate, WITHIN).toBe(200);
  const health = (await (await fetch(`${url}/forewarn/v1/health`)).json()) as { refusals: Record<string, number> };
  expect(health.refusals['bad-proof']).toBeGreaterThan(0);
  expect(existsSync(tokenFile('web1'))).toBe(false);
}, 180_000);
