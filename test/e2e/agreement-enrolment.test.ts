import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { requestJson } from '../../common/runtime/http-json.ts';
import { systemClock } from '../../common/runtime/clock.ts';
import { createAuthority } from '../../emulator/credentials/authority.ts';
import { startForewarn } from '../support/program.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { emulate, letGo, startAgent, type AgentRig } from './agent-rig.ts';
import { WITHIN } from './agreement-rig.ts';

const CLI = path.resolve(import.meta.dirname, '../../cli.ts');
const NODE = ['--disable-warning=ExperimentalWarning', CLI];

it('over TLS, VMs join with one-time tokens, are cut off when their key is revoked, and join again with a new token', async () => {
  const folder = temporaryFolder();
  const config = path.join(folder, 'scheduler.yaml');
  const authority = await createAuthority(systemClock.now());
  const { certificate, key } = await authority.issue(['127.0.0.1']);
  const files = {
    'ca.pem': authority.certificate,
    'server.pem': certificate,
    'server.key': key,
    owner: 'the-secret-of-the-owner\n',
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text, { mode: 0o600 });
  writeFileSync(
    config,
    `listen: 127.0.0.1:0
tls: { certificate: server.pem, key: server.key }
access: { loopback: token, ownerTokenFile: owner }
agents: { enrolment: required }
store: { sqlite: ./scheduler.db }
`,
  );
  const [scheduler, emulator] = await Promise.all([
    startForewarn(['scheduler', '--config', config]),
    emulate(['web1', 'web2']),
  ]);
  onTestFinished(async () => {
    await scheduler.stop('SIGKILL');
  });
  const url = `https://${String(scheduler.ready['listen'])}`;
  const forewarn = async (...words: string[]): Promise<string> => {
    const environment = {
      ...process.env,
      FOREWARN_SCHEDULER: url,
      FOREWARN_SCHEDULER_TOKEN_FILE: path.join(folder, 'owner'),
      FOREWARN_SCHEDULER_CA: path.join(folder, 'ca.pem'),
    };
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
      extra: `scheduler: { url: "${url}", enrolmentTokenFile: ./token, ca: ../ca.pem }`,
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
  const scheme = { what: 'scheduler', option: '--scheduler' };
  const health = await requestJson(
    { kind: 'http', url },
    {
      method: 'GET',
      path: '/forewarn/v1/health',
      timeoutMs: 5000,
      token: 'the-secret-of-the-owner',
      ca: authority.certificate,
    },
    scheme,
  );
  expect((health.body as { refusals: Record<string, number> }).refusals['bad-proof']).toBeGreaterThan(0);
  expect(existsSync(tokenFile('web1'))).toBe(false);
}, 180_000);
