import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { runsNginx } from '../contract/drain-nginx.ts';
import { BOOTED_SYSTEMD_NEEDS, INSIDE, runsBootedSystemd, runUnderSystemd } from '../support/booted-systemd.ts';

const UNIT = path.resolve(import.meta.dirname, '../../systemd/usr/lib/systemd/system/forewarn-agent.service');

/** What of the unit is not its sandbox: how it is started and ended, and who it is. */
const NOT_SANDBOX =
  /^(Type|Exec|User|Group|Restart|Watchdog|Notify|LoadCredential|Timeout|KillMode|Sockets|Environment)/;

/** The lines of the agent's unit that confine it. */
function sandboxOfAgent(): readonly string[] {
  const service = readFileSync(UNIT, 'utf8').split('[Service]')[1]?.split('[Install]')[0] ?? '';
  return service.split('\n').filter((line) => /^[A-Z]/.test(line) && !NOT_SANDBOX.test(line));
}

/** A server with one connection that stays open until somebody connects to the second port. */
const TRAFFIC = `
const { connect, createServer } = require('node:net');
createServer((socket) => { socket.on('error', () => {}); }).listen(8080, '127.0.0.1', () => {
  const client = connect(8080, '127.0.0.1');
  createServer((socket) => { socket.destroy(); client.destroy(); }).listen(9090, '127.0.0.1');
});
`;

/** What the agent does for its proof, from inside the sandbox: with a connection, and after it has gone. */
const PROOF = `
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { establishedConnections } from '${INSIDE}/agent/drain/established-connections.ts';
const drain = establishedConnections([8080]);
const readUntil = async (clear) => {
  for (let tries = 0; tries < 200; tries++) {
    const reading = await drain.read();
    if (reading.clear === clear) return reading;
    await sleep(50);
  }
  return await drain.read();
};
const open = await readUntil(false);
// Asked over a netlink socket, which the sandbox refuses: so this tells whether there is one.
let netlink = 'allowed';
try { networkInterfaces(); } catch { netlink = 'refused'; }
connect(9090, '127.0.0.1').on('error', () => {}).resume();
const closed = await readUntil(true);
console.log(JSON.stringify({ open, closed, netlink, userId: process.getuid() }));
`;

/** The drain of systemd units over two units that run and one that its operator has stopped. */
const UNITS = `
import { execFileSync } from 'node:child_process';
import { openClaims } from '${INSIDE}/agent/drain/claims.ts';
import { unitsDrain } from '${INSIDE}/agent/drain/units.ts';
import { systemClock } from '${INSIDE}/common/runtime/clock.ts';
import { silentLog } from '${INSIDE}/common/runtime/log.ts';
const open = async (names) => unitsDrain({
  names, program: '/usr/bin/systemctl', timeoutMs: 20000, claims: await openClaims('/tmp/claims.json'),
  clock: systemClock, signal: new AbortController().signal, log: silentLog,
});
const state = (name) => {
  try { return execFileSync('/usr/bin/systemctl', ['is-active', name], { encoding: 'utf8' }).trim(); } catch (error) { return String(error.stdout).trim(); }
};
const states = () => ['web.service', 'worker.service', 'idle.service'].map(state).join(' ');
execFileSync('/usr/bin/systemctl', ['stop', 'idle.service']);
const names = ['web.service', 'worker.service', 'idle.service'];
const drain = await open(names);
const seen = [states(), (await drain.read()).clear];
await drain.start();
await drain.start();
seen.push(states(), (await drain.read()).clear);
// Another process of the agent, after a crash.
await (await open(names)).restore();
seen.push(states(), (await drain.read()).clear);
const nobody = await open(['nobody.service']);
seen.push(await nobody.read().then(() => 'clear', (error) => error.message));
console.log(JSON.stringify(seen));
`;

/** A confined agent's drain of the nginx that runs beside it, by the action that root has put there. */
const PRIVILEGED = `
import { createServer, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { openClaims } from '${INSIDE}/agent/drain/claims.ts';
import { runVerb } from '${INSIDE}/agent/drain/run-verb.ts';
import { verbDrain } from '${INSIDE}/agent/drain/verb-drain.ts';
import { askPrivilegedUnit } from '${INSIDE}/agent/privileged/client.ts';
import { systemClock } from '${INSIDE}/common/runtime/clock.ts';
import { silentLog } from '${INSIDE}/common/runtime/log.ts';
for (const [name, port] of [['s1', 8081], ['s2', 8082]])
  await new Promise((resolve) => createServer((request, response) => response.end(name)).listen(port, '127.0.0.1', resolve));
const askNginx = () => new Promise((resolve) => {
  get('http://127.0.0.1:8088/', { agent: false }, (response) => {
    let body = '';
    response.on('data', (chunk) => { body += chunk; });
    response.on('end', () => resolve(body));
  }).on('error', (error) => resolve(error.code));
});
const tools = {
  clock: systemClock, signal: new AbortController().signal, ownUserId: process.getuid(),
  askPrivileged: askPrivilegedUnit('/run/forewarn-privileged.sock', systemClock),
};
const command = { action: 'nginx-drain', words: ['web'], timeout: 20000 };
const drain = verbDrain({
  name: 'nginx', call: (verb) => runVerb(command, verb, tools), canRead: true,
  claims: await openClaims('/tmp/claims.json'), log: silentLog,
});
for (let tries = 0; tries < 200 && (await askNginx()) !== 's1'; tries++) await sleep(50);
const seen = [process.getuid() !== 0, await askNginx(), (await drain.read()).clear];
await drain.start();
let clear = false;
for (let tries = 0; tries < 100 && !clear; tries++) { clear = (await drain.read()).clear; await sleep(50); }
seen.push(await askNginx(), clear);
await drain.restore();
seen.push(await askNginx());
const other = { ...command, action: 'anything-else' };
seen.push(await runVerb(other, 'read', tools).then(() => 'ran', () => 'refused'));
console.log(JSON.stringify(seen));
process.exit(0);
`;

/** What an operator sets up once, as root. */
const SET_UP = `[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/mkdir -p /etc/forewarn/privileged.d /etc/nginx/forewarn /var/log/nginx /var/lib/nginx
ExecStart=/bin/cp ${INSIDE}/examples/drains/privileged/nginx-drain /etc/forewarn/privileged.d/
ExecStart=/bin/chown -R root:root /etc/forewarn
ExecStart=/bin/chmod -R go-w /etc/forewarn
ExecStart=/bin/sh -c 'echo "server 127.0.0.1:8081;" >/etc/nginx/forewarn/web.conf'
ExecStart=/bin/sh -c 'echo "user nobody nogroup; pid /run/nginx.pid; events {} http { upstream web { include /etc/nginx/forewarn/web.conf; server 127.0.0.1:8082 backup; } server { listen 127.0.0.1:8088; location / { proxy_pass http://web; } } }" >/etc/nginx/nginx.conf'
`;

/** The units that the package installs, but for where the program is and who the agent runs as. */
function packagedUnit(name: string): string {
  return readFileSync(path.join(path.dirname(UNIT), name), 'utf8')
    .replace('/usr/bin/forewarn agent', `@node@ --disable-warning=ExperimentalWarning ${INSIDE}/cli.ts agent`)
    .replace('SocketGroup=forewarn', 'SocketGroup=nogroup');
}

const sleeper = '[Service]\nExecStart=/bin/sleep infinity\n';

describe.skipIf(!runsBootedSystemd)(`under a systemd that was booted for it (${BOOTED_SYSTEMD_NEEDS})`, () => {
  it("inside the agent's sandbox an open connection is seen, and seen to be gone, without a netlink socket", async () => {
    const { printed, said } = await runUnderSystemd({
      script: PROOF,
      service: ['User=nobody', ...sandboxOfAgent()],
      units: { 'traffic.service': `[Service]\nExecStart=@node@ -e "${TRAFFIC.replaceAll(/\s+/g, ' ')}"\n` },
    });
    expect(printed, said).not.toBe('');
    const seen = JSON.parse(printed) as Record<string, unknown>;
    expect(seen).toMatchObject({ netlink: 'refused' });
    expect(seen['userId']).not.toBe(0);
    expect(seen['open']).toMatchObject({ clear: false, count: 1 });
    expect(seen['closed']).toMatchObject({ clear: true, count: 0 });
  }, 60_000);

  it('stops units and starts those again that it has stopped, and knows a unit that is none', async () => {
    const { printed, said } = await runUnderSystemd({
      script: UNITS,
      units: { 'web.service': sleeper, 'worker.service': sleeper, 'idle.service': sleeper },
    });
    expect(printed, said).not.toBe('');
    expect(JSON.parse(printed)).toEqual([
      'active active inactive',
      false,
      'inactive inactive inactive',
      true,
      'active active inactive',
      false,
      'systemd knows no unit nobody.service',
    ]);
  }, 60_000);

  it.skipIf(!runsNginx)(
    'a confined agent drains the nginx beside it through the privileged unit, and can ask for nothing else (needs: apt-get install nginx)',
    async () => {
      const { printed, said } = await runUnderSystemd({
        script: PRIVILEGED,
        service: ['User=nobody', 'Group=nogroup', ...sandboxOfAgent()],
        units: {
          'set-up.service': SET_UP,
          'nginx.service': "[Unit]\nAfter=set-up.service\n[Service]\nExecStart=/usr/sbin/nginx -g 'daemon off;'\n",
          'forewarn-privileged.socket': packagedUnit('forewarn-privileged.socket'),
          'forewarn-privileged@.service': packagedUnit('forewarn-privileged@.service'),
        },
      });
      expect(printed, said).not.toBe('');
      expect(JSON.parse(printed), said).toEqual([true, 's1', false, 's2', true, 's1', 'refused']);
    },
    60_000,
  );
});
