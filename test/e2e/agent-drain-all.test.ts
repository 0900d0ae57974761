import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { portOf, runsHaproxy, startHaproxy } from '../contract/drain-haproxy.ts';
import { NGINX, runsNginx, startNginx } from '../contract/drain-nginx.ts';
import { standInSystemd } from '../contract/drain-systemd.ts';
import { ask, canConnect, openTraffic } from '../contract/drain-traffic.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { emulate, letGo, startAgent } from './agent-rig.ts';
import { freePort } from '../support/free-port.ts';

const WITHIN = { timeout: 20_000, interval: 50 } as const;

describe.skipIf(!runsHaproxy || !runsNginx)(
  'an agent with every kind of drain (needs: apt-get install haproxy nginx)',
  () => {
    it('promises only when all of them are clear, and gives the VM back everywhere', async () => {
      const [balancer, nginx, units] = [
        await startHaproxy({ withStateFile: true }),
        await startNginx(),
        await standInSystemd(),
      ];
      onTestFinished(async () => {
        await balancer.close();
        await nginx.close();
        rmSync(units.folder, { recursive: true, force: true });
      });
      const folder = temporaryFolder();
      const calls: string[] = [];
      const webhook = createServer((request, response) => {
        request.resume();
        calls.push(request.url ?? '');
        response.end();
      });
      webhook.listen(0, '127.0.0.1');
      await once(webhook, 'listening');
      onTestFinished(() => {
        webhook.close();
      });
      mkdirSync(path.join(folder, 'bin'));
      const own = path.join(folder, 'bin', 'own');
      const state = path.join(folder, 'own-state');
      writeFileSync(state, 'in');
      writeFileSync(
        own,
        `#!/bin/sh
case $1 in
  turn-away) echo out >"${state}" ;;
  read) grep -q out "${state}" && echo '{"clear": true}' || echo '{"clear": false}' ;;
  back-in) echo in >"${state}" ;;
esac
`,
        { mode: 0o755 },
      );
      const emulator = await emulate(['web1']);
      const agent = await startAgent(emulator, 'web1', {
        folder,
        extra: `haproxy: [{ sockets: [{ address: "${balancer.socket}", stateFile: "${balancer.stateFile}" }], server: web/s1 }]
nginx: [{ file: "${nginx.file}", server: "${nginx.server}", program: "${NGINX}", config: "${nginx.config}", pidFile: "${nginx.pidFile}" }]
units: [{ names: [web.service], program: "${units.program}" }]
commands: [{ file: "${own}" }]
webhooks: [{ name: hook, turnAway: { url: "http://127.0.0.1:${portOf(webhook)}/out" }, backIn: { url: "http://127.0.0.1:${portOf(webhook)}/in" } }]
connections: { ports: [${balancer.firstPort}] }
`,
      });
      await expect.poll(agent.gate, WITHIN).toBe(200);
      const traffic = await openTraffic(nginx.port);
      letGo(agent);
      emulator.operations.schedule({ type: 'Reboot', resources: ['web1'], noticeMs: 60_000 });
      await expect
        .poll(async () => (await agent.status()).events[0]?.detail, WITHIN)
        .toBe(`nginx ${nginx.server} in ${nginx.file}: 1 old workers still serve connections`);
      expect(emulator.operations.events()[0]?.state).toBe('scheduled');
      expect(await balancer.adminState()).toBe('1');
      expect((await ask(nginx.port)).body).toBe('s2');
      expect(readFileSync(units.unit, 'utf8').trim()).toBe('inactive');
      expect(readFileSync(state, 'utf8').trim()).toBe('out');
      expect(calls).toContain('/out');
      await traffic.close();

      await expect.poll(() => emulator.operations.events()[0]?.state, WITHIN).not.toBe('scheduled');
      await expect.poll(agent.gate, WITHIN).toBe(200);
      await expect.poll(async () => await balancer.adminState(), WITHIN).toBe('0');
      await expect.poll(async () => (await ask(nginx.port)).body, WITHIN).toBe('s1');
      await expect.poll(() => readFileSync(units.unit, 'utf8').trim(), WITHIN).toBe('active');
      await expect.poll(() => readFileSync(state, 'utf8').trim(), WITHIN).toBe('in');
      await expect.poll(() => calls.at(-1), WITHIN).toBe('/in');
    }, 90_000);

    it('keeps the port for TCP probes open only while the VM is in rotation and the application is well', async () => {
      const application = { isWell: true };
      const server = createServer((_request, response) => {
        response.writeHead(application.isWell ? 200 : 500).end();
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      onTestFinished(() => {
        server.closeAllConnections();
        server.close();
      });
      const port = await freePort();
      const emulator = await emulate(['web1']);
      const folder = temporaryFolder();
      const agent = await startAgent(emulator, 'web1', {
        folder,
        gate: `{ listen: "127.0.0.1:0", detection: 100ms, tcp: "127.0.0.1:${port}", applicationProbe: "http://127.0.0.1:${portOf(server)}/" }`,
      });
      const isOpen = async (): Promise<boolean> => await canConnect(port);
      await expect.poll(isOpen, WITHIN).toBe(true);
      application.isWell = false;
      await expect.poll(isOpen, WITHIN).toBe(false);
      expect(await agent.gate()).toBe(503);
      application.isWell = true;
      await expect.poll(isOpen, WITHIN).toBe(true);
      emulator.operations.schedule({ type: 'Reboot', resources: ['web1'], noticeMs: 60_000 });
      await expect.poll(isOpen, WITHIN).toBe(false);
      letGo(agent);
      await expect.poll(isOpen, WITHIN).toBe(true);
    }, 90_000);
  },
);
