import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { getuid } from 'node:process';
import { openClaims, type Claims } from '../../agent/drain/claims.ts';
import type { Drain } from '../../agent/drain/drain.ts';
import { establishedConnections } from '../../agent/drain/established-connections.ts';
import { haproxyDrain, type HaproxyOptions } from '../../agent/drain/haproxy.ts';
import { openHealthGate } from '../../agent/drain/health-gate.ts';
import { nginxDrain } from '../../agent/drain/nginx.ts';
import { runVerb } from '../../agent/drain/run-verb.ts';
import type { CommandSettings, WebhookSettings } from '../../agent/drain/settings.ts';
import { openTcpGate } from '../../agent/drain/tcp-gate.ts';
import { unitsDrain } from '../../agent/drain/units.ts';
import { verbDrain } from '../../agent/drain/verb-drain.ts';
import { callWebhook } from '../../agent/drain/webhook.ts';
import { systemClock } from '../../common/runtime/clock.ts';
import { silentLog } from '../../common/runtime/log.ts';
import { portOf, runsHaproxy, startApplication, startHaproxy, stop } from './drain-haproxy.ts';
import { standInSystemd } from './drain-systemd.ts';
import { ask, canConnect, openTraffic } from './drain-traffic.ts';
import { NGINX, runsNginx, startNginx, type RunningNginx } from './drain-nginx.ts';

/** One drain over a real thing: what it promises is the same for all of them. */
export interface Rig {
  readonly drain: Drain;
  /** Opens a connection that carries traffic to the VM; undefined where the drain has no way of seeing traffic. */
  openTraffic: (() => Promise<{ close(): Promise<void> }>) | undefined;
  /** Would new traffic come to the VM now? Undefined where the drain only looks. */
  isTurnedAway: (() => Promise<boolean>) | undefined;
  /** Somebody else turns the VM away, before the agent does; undefined where nobody else can. */
  turnAwayByHand: (() => Promise<void>) | undefined;
  close(): Promise<void>;
}

export interface RigKind {
  readonly name: string;
  readonly isThere: boolean;
  create(): Promise<Rig>;
}

export const HAPROXY_DEFAULTS = {
  server: 'web/s1',
  maintAfterMs: 10_000,
  shutdownAfterMs: undefined,
  stateFile: undefined,
  clock: systemClock,
  log: silentLog,
} satisfies Partial<HaproxyOptions>;

async function gateRig(): Promise<Rig> {
  const gate = await openHealthGate({ host: '127.0.0.1', port: 0 }, async () => true, { clock: systemClock });
  return {
    drain: gate,
    openTraffic: undefined,
    isTurnedAway: async () => (await ask(gate.address.port)).status === 503,
    turnAwayByHand: undefined,
    close: async () => {
      await gate.close();
    },
  };
}

async function tcpGateRig(): Promise<Rig> {
  const stopped = new AbortController();
  const tools = { clock: systemClock, signal: stopped.signal };
  const gate = await openTcpGate({ host: '127.0.0.1', port: 0 }, async () => true, tools);
  return {
    drain: gate,
    openTraffic: undefined,
    isTurnedAway: async () => !(await canConnect(gate.address.port)),
    turnAwayByHand: undefined,
    close: async () => {
      stopped.abort();
      await gate.close();
    },
  };
}

async function connectionsRig(): Promise<Rig> {
  const server = await startApplication();
  return {
    drain: establishedConnections([portOf(server)]),
    openTraffic: async () => await openTraffic(portOf(server)),
    isTurnedAway: undefined,
    turnAwayByHand: undefined,
    close: async () => {
      await stop(server);
    },
  };
}

/** HAProxy with a kept state file, and escalating at once or never: `change` says. */
function haproxyRig(change: Partial<HaproxyOptions>): () => Promise<Rig> {
  return async () => {
    const balancer = await startHaproxy();
    return {
      drain: haproxyDrain({
        ...HAPROXY_DEFAULTS,
        socket: balancer.socket,
        claims: await openClaims(path.join(balancer.folder, 'claims.json')),
        ...change,
      }),
      openTraffic: async () => await openTraffic(balancer.port),
      isTurnedAway: async () => (await ask(balancer.port)).body !== 's1',
      turnAwayByHand: async () => {
        await balancer.ask('set server web/s1 state maint');
      },
      close: async () => {
        await balancer.close();
      },
    };
  };
}

export async function nginxRig(make: (nginx: RunningNginx, claims: Claims) => Drain): Promise<Rig> {
  const nginx = await startNginx();
  return {
    drain: make(nginx, await openClaims(path.join(nginx.folder, 'claims.json'))),
    openTraffic: async () => await openTraffic(nginx.port),
    isTurnedAway: async () => (await ask(nginx.port)).body !== 's1',
    turnAwayByHand: async () => {
      const content = await readFile(nginx.file, 'utf8');
      await writeFile(nginx.file, content.replace(' max_fails=0;', ' max_fails=0 down;'));
      await nginx.restart();
    },
    close: async () => {
      await nginx.close();
    },
  };
}

export function directNginx(nginx: RunningNginx, claims: Claims): Drain {
  const { file, server, config, pidFile } = nginx;
  const tools = { clock: systemClock, signal: new AbortController().signal, log: silentLog };
  return nginxDrain({ file, server, config, pidFile, program: NGINX, claims, ...tools });
}

/** A drain by an executable, as the setting `commands` makes it. */
export function byCommand(
  file: string,
  claims: Claims,
  options: { readonly parameters?: readonly string[]; readonly environment?: Readonly<Record<string, string>> } = {},
): Drain {
  const command: CommandSettings = {
    file,
    parameters: [...(options.parameters ?? [])],
    environment: { ...options.environment },
    timeout: 20_000,
  };
  return verbDrain({
    name: `command ${file}`,
    call: async (verb) =>
      await runVerb(command, verb, {
        clock: systemClock,
        signal: new AbortController().signal,
        ownUserId: getuid?.() ?? 0,
        askPrivileged: undefined,
      }),
    canRead: true,
    claims,
    log: silentLog,
  });
}

async function unitsRig(): Promise<Rig> {
  const { folder, program, unit } = await standInSystemd();
  return {
    drain: unitsDrain({
      names: ['web.service'],
      program,
      timeoutMs: 10_000,
      claims: await openClaims(path.join(folder, 'claims.json')),
      clock: systemClock,
      signal: new AbortController().signal,
      log: silentLog,
    }),
    openTraffic: undefined,
    isTurnedAway: async () => (await readFile(unit, 'utf8')).trim() !== 'active',
    turnAwayByHand: async () => {
      await writeFile(unit, 'inactive');
    },
    close: async () => {
      await rm(folder, { recursive: true });
    },
  };
}

/** A balancer with an HTTP API of its own, which does not exist outside of this file. */
async function webhookRig(): Promise<Rig> {
  const folder = await mkdtemp(path.join(tmpdir(), 'forewarn-webhook-'));
  await writeFile(path.join(folder, 'token'), 'Bearer abc\n');
  const balancer = { isOut: false, sessions: 0, failures: 0 };
  const server = createServer((incoming, response) => {
    incoming.resume();
    // Every second call meets a passing fault.
    balancer.failures = (balancer.failures + 1) % 2;
    if (incoming.headers.authorization !== 'Bearer abc') response.writeHead(401).end();
    else if (balancer.failures === 1) response.writeHead(503).end();
    else if (incoming.url === '/read')
      response.end(
        JSON.stringify({ clear: balancer.isOut && balancer.sessions === 0, detail: `${balancer.sessions} sessions` }),
      );
    else {
      const alreadyOut = balancer.isOut;
      balancer.isOut = incoming.url === '/out';
      response.end(JSON.stringify({ alreadyOut }));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const call = (where: string): WebhookSettings['turnAway'] => ({
    url: `http://127.0.0.1:${portOf(server)}${where}`,
    method: 'POST',
    headers: {},
    secretHeaders: { authorization: path.join(folder, 'token') },
    body: '{}',
  });
  const webhook = { name: 'own', turnAway: call('/out'), read: call('/read'), backIn: call('/in'), timeout: 5000 };
  const tools = { clock: systemClock, signal: new AbortController().signal };
  return {
    drain: verbDrain({
      name: 'webhook own',
      call: async (verb) => await callWebhook(webhook, verb, tools),
      canRead: true,
      claims: await openClaims(path.join(folder, 'claims.json')),
      log: silentLog,
    }),
    openTraffic: async () => {
      balancer.sessions++;
      return {
        close: async () => {
          balancer.sessions--;
        },
      };
    },
    isTurnedAway: async () => balancer.isOut,
    turnAwayByHand: async () => {
      balancer.isOut = true;
    },
    close: async () => {
      await stop(server);
      await rm(folder, { recursive: true });
    },
  };
}

/** Every adapter, and how much of it is real. */
export const RIGS: readonly RigKind[] = [
  { name: 'health gate', isThere: true, create: gateRig },
  { name: 'tcp gate', isThere: true, create: tcpGateRig },
  { name: 'established connections', isThere: existsSync('/proc/self/net/tcp'), create: connectionsRig },
  { name: 'haproxy (needs: apt-get install haproxy)', isThere: runsHaproxy, create: haproxyRig({}) },
  {
    name: 'haproxy that stays in drain (needs: apt-get install haproxy)',
    isThere: runsHaproxy,
    create: haproxyRig({ maintAfterMs: undefined }),
  },
  {
    name: 'haproxy in maintenance at once (needs: apt-get install haproxy)',
    isThere: runsHaproxy,
    create: haproxyRig({ maintAfterMs: 0 }),
  },
  {
    name: 'nginx (needs: apt-get install nginx)',
    isThere: runsNginx,
    create: async () => await nginxRig(directNginx),
  },
  { name: 'systemd units (over a stand-in for systemctl)', isThere: true, create: unitsRig },
  { name: 'webhook (over an API made up here)', isThere: true, create: webhookRig },
];
