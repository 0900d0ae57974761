import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readAll, restoreAll, startAll } from '../../agent/drain/all-drains.ts';
import { openClaims } from '../../agent/drain/claims.ts';
import type { Drain } from '../../agent/drain/drain.ts';
import { establishedConnections } from '../../agent/drain/established-connections.ts';
import { haproxyDrain } from '../../agent/drain/haproxy.ts';
import { haproxyStateFile } from '../../agent/drain/haproxy-state-file.ts';
import { askHaproxy, parseHaproxyAddress } from '../../agent/drain/haproxy-socket.ts';
import { systemClock } from '../../common/runtime/clock.ts';
import { silentLog } from '../../common/runtime/log.ts';
import { startWatched, type WatchedApplication } from './drains-applications.ts';
import { startLoad, type Load, type LoadResult } from './drains-load.ts';

const HAPROXY = '/usr/sbin/haproxy';

/** As the agent: balancers are told again once a second, and looked at five times a second. */
const REASSERT_MS = 1000;
const LOOK_MS = 200;
const CLEAR_READS = 2;

/** Short, so that many cycles fit; longer than the slowest request, so that none is cut. */
const MAINT_AFTER_MS = 200;
const SHUTDOWN_AFTER_MS = 800;
/** In the cycles here the balancer is told more often while it drains, so that a step does not wait for a whole second. */
const DRAIN_STEP_MS = 100;

const PROGRESS_EVERY = 10;

const PROMISED_MS = 300;
/** Long enough for the agent's next word to come after a restart that has forgotten everything. */
const PROMISED_OVER_RESTART_MS = REASSERT_MS + 700;
const MUST_DRAIN_WITHIN_MS = 20_000;
const MUST_SERVE_WITHIN_MS = 10_000;

export interface DrainsResult {
  readonly cycles: number;
  readonly load: LoadResult;
  /** How long a drain took, the longest. */
  readonly slowestMs: number;
  readonly restarts: { readonly withFile: number; readonly withoutFile: number };
  /** What came to the VM after its promise; without a restart, or with the state file: none. */
  readonly intruders: { readonly calm: number; readonly withFile: number; readonly withoutFile: number };
  /** Without the state file: from the balancer's return to the last request that it let through, the longest. */
  readonly windowMs: number;
  readonly violations: readonly string[];
}

type Restart = 'none' | 'with-file' | 'without-file';

/**
 * A real HAProxy under load; one of its two servers is drained, promises, and comes back, again and again. Every `restartEvery`th
 * cycle HAProxy is killed and started anew while the VM has promised, in turns with and without the state file.
 */
export async function cycleDrains(options: {
  readonly cycles: number;
  readonly restartEvery: number;
  report(line: string): void;
}): Promise<DrainsResult> {
  const rig = await startRig();
  const load = startLoad(rig.port);
  const intruders = { calm: 0, withFile: 0, withoutFile: 0 };
  const restarts = { withFile: 0, withoutFile: 0 };
  const violations: string[] = [];
  const longest = { drainMs: 0, windowMs: 0 };
  try {
    const startedMs = performance.now();
    for (let cycle = 1; cycle <= options.cycles && violations.length === 0; cycle++) {
      const restart = restartOf(cycle, options.restartEvery);
      const outcome = await playCycle(rig, load, restart);
      longest.drainMs = Math.max(longest.drainMs, outcome.drainMs);
      if (restart === 'with-file') restarts.withFile++;
      if (restart === 'without-file') {
        restarts.withoutFile++;
        intruders.withoutFile += outcome.intruders;
        longest.windowMs = Math.max(longest.windowMs, outcome.windowMs);
      } else if (outcome.intruders > 0) {
        intruders[restart === 'none' ? 'calm' : 'withFile'] += outcome.intruders;
        violations.push(`cycle ${cycle} (restart: ${restart}): ${outcome.intruders} requests after the promise`);
      }
      violations.push(...outcome.violations.map((line) => `cycle ${cycle} (restart: ${restart}): ${line}`));
      if (cycle % PROGRESS_EVERY === 0 || restart !== 'none')
        options.report(
          `drains: cycle ${cycle} of ${options.cycles} after ${Math.round(performance.now() - startedMs)} ms (restart: ${restart}): drained in ${Math.round(outcome.drainMs)} ms, ` +
            `${outcome.intruders} requests after the promise`,
        );
    }
  } finally {
    const result = await load.stop();
    violations.push(...result.failures.slice(0, 20).map((line) => `failed: ${line}`));
    await rig.close();
    // oxlint-disable-next-line no-unsafe-finally -- the load's result is known only here
    return {
      cycles: options.cycles,
      load: result,
      slowestMs: longest.drainMs,
      restarts,
      intruders,
      windowMs: longest.windowMs,
      violations,
    };
  }
}

function restartOf(cycle: number, restartEvery: number): Restart {
  if (cycle % restartEvery !== 0) return 'none';
  return (cycle / restartEvery) % 2 === 1 ? 'with-file' : 'without-file';
}

interface CycleOutcome {
  readonly drainMs: number;
  readonly intruders: number;
  readonly windowMs: number;
  readonly violations: readonly string[];
}

async function playCycle(rig: Rig, load: Load, restart: Restart): Promise<CycleOutcome> {
  const drains = await rig.drains(restart !== 'without-file');
  const violations: string[] = [];
  const began = performance.now();
  await mustBe(startAll(drains));
  const left = await drained(drains);
  if (left !== undefined) violations.push(`not drained in time: ${left}`);
  const drainMs = performance.now() - began;
  rig.vm.forbid();
  let backMs = performance.now();
  const until = performance.now() + (restart === 'none' ? PROMISED_MS : PROMISED_OVER_RESTART_MS);
  let toldMs = performance.now();
  if (restart !== 'none') {
    load.balancerIsAway(true);
    await rig.restart();
    load.balancerIsAway(false);
    backMs = performance.now();
  }
  while (performance.now() < until) {
    await sleep(20);
    if (performance.now() - toldMs < REASSERT_MS) continue;
    toldMs = performance.now();
    await mustBe(startAll(drains));
  }
  const intruders = rig.vm.allow();
  await mustBe(restoreAll(drains));
  const served = rig.vm.served();
  const restoredMs = performance.now();
  while (rig.vm.served() === served && performance.now() - restoredMs < MUST_SERVE_WITHIN_MS) await sleep(5);
  if (rig.vm.served() === served) violations.push('nothing came to the VM after it was restored');
  return {
    drainMs,
    intruders: intruders.length,
    windowMs: Math.max(0, ...intruders.map((atMs) => atMs - backMs)),
    violations,
  };
}

/** Undefined after two reads in a row without traffic, as the agent wants them, otherwise what is left; told again meanwhile, so that it goes on to the next step. */
async function drained(drains: readonly Drain[]): Promise<string | undefined> {
  const began = performance.now();
  let left = '';
  for (let clear = 0; performance.now() - began < MUST_DRAIN_WITHIN_MS;) {
    await sleep(clear === 0 ? DRAIN_STEP_MS : LOOK_MS);
    if (clear === 0) await mustBe(startAll(drains));
    const { ok, detail } = await readAll(drains);
    clear = ok ? clear + 1 : 0;
    left = detail;
    if (clear >= CLEAR_READS) return undefined;
  }
  return left;
}

async function mustBe(outcome: Promise<{ readonly ok: boolean; readonly detail: string }>): Promise<void> {
  const { ok, detail } = await outcome;
  if (!ok) throw new Error(detail);
}

interface Rig {
  readonly port: number;
  readonly vm: WatchedApplication;
  drains(withFile: boolean): Promise<readonly Drain[]>;
  restart(): Promise<void>;
  close(): Promise<void>;
}

async function startRig(): Promise<Rig> {
  const folder = mkdtempSync(path.join(tmpdir(), 'forewarn-drains-'));
  const [vm, other] = [await startWatched('s1'), await startWatched('s2')];
  const port = await freePort();
  const socket = path.join(folder, 'admin.sock');
  const stateFile = path.join(folder, 'server-state');
  const config = path.join(folder, 'haproxy.cfg');
  writeFileSync(config, haproxyConfig({ socket, stateFile, port, ports: [vm.port, other.port] }));
  execFileSync(HAPROXY, ['-c', '-q', '-f', config]);
  const launch = async (): Promise<ChildProcess> => {
    const child = spawn(HAPROXY, ['-db', '-f', config], { stdio: 'ignore' });
    while (!(await answers(socket))) await sleep(2);
    return child;
  };
  let haproxy = await launch();
  const kill = async (): Promise<void> => {
    haproxy.kill('SIGKILL');
    await once(haproxy, 'exit');
    rmSync(socket, { force: true });
  };
  const claims = await openClaims(path.join(folder, 'claims.json'));
  return {
    port,
    vm,
    drains: async (withFile) => {
      const file = haproxyStateFile(stateFile);
      return [
        haproxyDrain({
          socket,
          server: 'web/s1',
          maintAfterMs: MAINT_AFTER_MS,
          shutdownAfterMs: SHUTDOWN_AFTER_MS,
          stateFile: withFile ? file : undefined,
          claims,
          clock: systemClock,
          log: silentLog,
        }),
        establishedConnections([vm.port]),
      ];
    },
    restart: async () => {
      await kill();
      haproxy = await launch();
    },
    close: async () => {
      await kill();
      await vm.close();
      await other.close();
      rmSync(folder, { recursive: true });
    },
  };
}

function haproxyConfig(at: {
  readonly socket: string;
  readonly stateFile: string;
  readonly port: number;
  readonly ports: readonly number[];
}): string {
  return `global
  stats socket ${at.socket} level admin
  server-state-file ${at.stateFile}
defaults
  mode http
  load-server-state-from-file global
  option redispatch
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h
frontend in
  bind 127.0.0.1:${at.port}
  default_backend web
backend web
  balance roundrobin
  cookie SERVED_BY insert indirect nocache
  default-server check inter 500
  server s1 127.0.0.1:${at.ports[0]} cookie s1
  server s2 127.0.0.1:${at.ports[1]} cookie s2
`;
}

async function answers(socket: string): Promise<boolean> {
  try {
    await askHaproxy(parseHaproxyAddress(socket), 'show info');
    return true;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const application = await startWatched('port');
  const { port } = application;
  await application.close();
  // Nobody listens there now.
  await new Promise<void>((resolve) => {
    connect(port, '127.0.0.1').on('error', () => {
      resolve();
    });
  });
  return port;
}
