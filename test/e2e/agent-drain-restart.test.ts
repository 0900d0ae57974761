import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Emulator } from '../../emulator/start-emulator.ts';
import { freePort } from '../support/free-port.ts';
import { probeGate } from '../support/probe-gate.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { emulate } from './agent-rig.ts';

const ACTIVATE = '/usr/bin/systemd-socket-activate';
const runsActivate = existsSync(ACTIVATE) || process.env['CI'] === 'true';
const CLI = path.resolve(import.meta.dirname, '../../cli.ts');
const WITHIN = { timeout: 20_000, interval: 50 } as const;

/** As often as no balancer asks. */
const PROBE_EVERY_MS = 200;
/** A probe that comes while no agent runs waits for the next, which a busy machine takes many seconds to start. */
const PATIENCE_MS = 20_000;

/** An agent that is started again whenever it ends, on a socket that outlives it, as systemd does both. */
interface Service {
  readonly address: string;
  /** Process id of the agent now. */
  pid(): number;
  output(): string;
}

async function startService(emulator: Emulator): Promise<Service> {
  const folder = temporaryFolder();
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  mkdirSync(path.join(folder, 'run'));
  writeFileSync(
    path.join(folder, 'agent.yaml'),
    `metadata: { endpoint: "${emulator.vms[0]?.metadata}", poll: 250ms }
identity: { scope: set }
state: ./state
socket: ./run/agent.sock
gate: { listen: "${address}", detection: 100ms }
events: { absentFor: 1s }
`,
  );
  // The shell holds the socket while no agent runs; LISTEN_PID has to be the agent's own.
  const agent = `LISTEN_PID=$$; export LISTEN_PID; echo $$ >"$0/pid"; exec "${process.execPath}" "${CLI}" agent --config "$0/agent.yaml"`;
  const again = `while [ ! -e "$0/stop" ]; do sh -c '${agent}' "$0"; done`;
  const child = spawn(ACTIVATE, ['-l', address, '--fdname=gate', 'sh', '-c', again, folder], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  onTestFinished(async () => {
    writeFileSync(path.join(folder, 'stop'), '');
    if (child.exitCode !== null || child.signalCode !== null) return;
    process.kill(-(child.pid ?? 0), 'SIGKILL');
    await once(child, 'exit');
  });
  return {
    address,
    pid: () => Number(readFileSync(path.join(folder, 'pid'), 'utf8')),
    output: () => output,
  };
}

describe.skipIf(!runsActivate)('an agent whose gate is a socket of systemd (needs: apt-get install systemd)', () => {
  it('fails no probe while it is restarted in rotation, and answers 503 all along when it has promised', async () => {
    const emulator = await emulate(['web1']);
    const service = await startService(emulator);
    await expect.poll(async () => await probeGate(service.address), WITHIN).toBe(200);

    const inRotation = new Map<number, number>();
    const { stop: stopIn, betweenProbes } = probeEvery(service.address, inRotation);
    for (const signal of ['SIGTERM', 'SIGKILL', 'SIGTERM'] as const) {
      const before = service.pid();
      // A probe that is just being answered dies with the process; those that wait for one are what the socket is for.
      if (signal === 'SIGKILL') await betweenProbes();
      process.kill(before, signal);
      await expect.poll(() => service.pid() !== before, WITHIN).toBe(true);
      const answered = [...inRotation.values()].reduce((sum, count) => sum + count, 0);
      // Several probes after the restart, the last of them answered by the agent that was started.
      await expect
        .poll(() => [...inRotation.values()].reduce((sum, count) => sum + count, 0) - answered, WITHIN)
        .toBeGreaterThan(5);
    }
    await stopIn();
    expect([...inRotation.keys()], service.output()).toEqual([200]);

    emulator.operations.schedule({ type: 'Reboot', resources: ['web1'], noticeMs: 60_000 });
    await expect.poll(async () => await probeGate(service.address), WITHIN).toBe(503);
    const out = new Map<number, number>();
    const { stop: stopOut, betweenProbes: betweenThose } = probeEvery(service.address, out);
    const before = service.pid();
    await betweenThose();
    process.kill(before, 'SIGKILL');
    await expect.poll(() => service.pid() !== before, WITHIN).toBe(true);
    await expect.poll(() => emulator.operations.events()[0]?.state, WITHIN).not.toBe('scheduled');
    await stopOut();
    expect([...out.keys()], service.output()).toEqual([503]);
    await expect.poll(async () => await probeGate(service.address), WITHIN).toBe(200);
  }, 90_000);
});

/** Counts what probes are told, one after the other. `stop` waits for the last; `betweenProbes` until none is under way. */
function probeEvery(
  address: string,
  counts: Map<number, number>,
): { stop: () => Promise<void>; betweenProbes: () => Promise<void> } {
  const stopped = new AbortController();
  let probe: Promise<number> | undefined;
  const run = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      probe = probeGate(address, PATIENCE_MS);
      const status = await probe;
      probe = undefined;
      counts.set(status, (counts.get(status) ?? 0) + 1);
      await sleep(PROBE_EVERY_MS);
    }
  };
  const running = run();
  return {
    stop: async () => {
      stopped.abort();
      await running;
    },
    betweenProbes: async () => {
      await probe;
    },
  };
}
