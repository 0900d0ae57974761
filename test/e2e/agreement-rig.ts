import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished } from 'vitest';
import type { Emulator } from '../../emulator/start-emulator.ts';
import { startForewarn, type RunningProgram } from '../support/program.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { emulate, startAgent, type AgentRig } from './agent-rig.ts';

/** The machine may have other things to do; nothing here waits so long when all is well. */
export const WITHIN = { timeout: 40_000, interval: 50 } as const;

/** Two agents that agree through a scheduler, each over a network of its own that can be taken away. */
export interface AgreementRig {
  readonly emulator: Emulator;
  readonly scheduler: RunningProgram;
  /** Of the scheduler, `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly first: AgentRig;
  readonly second: AgentRig;
  /** Between the first agent and the scheduler, and between the second and it. */
  readonly networks: readonly [TcpProxy, TcpProxy];
  /** Announces a reboot of these VMs (web1, web2), and watches that nobody approves it before all of them are let go. */
  announce(
    vms: readonly string[],
    noticeMs: number,
  ): { readonly eventId: string; readonly approvedBy: () => readonly string[] };
  /** What must never be, one line each. */
  readonly violations: readonly string[];
}

/** Starts all of it, with both VMs in service; ended when the running test is over. */
export async function startAgreementRig(): Promise<AgreementRig> {
  const folder = temporaryFolder();
  const target = { port: 0 };
  const networks = [await startTcpProxy(() => target.port), await startTcpProxy(() => target.port)] as const;
  onTestFinished(async () => {
    await Promise.all(networks.map(async (network) => await network.close()));
  });
  const config = path.join(folder, 'scheduler.yaml');
  const hosts = networks.map(({ port }) => `"127.0.0.1:${port}"`).join(', ');
  writeFileSync(
    config,
    `listen: 127.0.0.1:0\nhosts: [${hosts}]\naccess: { loopback: open }\nstore: { sqlite: ./scheduler.db }\n`,
  );
  const [scheduler, emulator] = await Promise.all([
    startForewarn(['scheduler', '--config', config]),
    emulate(['web1', 'web2']),
  ]);
  onTestFinished(async () => {
    await scheduler.stop('SIGKILL');
  });
  const url = `http://${String(scheduler.ready['listen'])}`;
  target.port = Number(new URL(url).port);
  const start = async (name: string, network: TcpProxy): Promise<AgentRig> =>
    await startAgent(emulator, name, { folder, extra: `scheduler: { url: "http://127.0.0.1:${network.port}" }` });
  const [first, second] = await Promise.all([start('web1', networks[0]), start('web2', networks[1])]);
  for (const rig of [first, second]) await expect.poll(rig.gate, WITHIN).toBe(200);
  const violations: string[] = [];
  const unsubscribe = emulator.feed.subscribe((activity) => {
    if (activity.kind !== 'event.approved') return;
    const named = emulator.operations.events().find((event) => event.eventId === activity.eventId)?.resources ?? [];
    for (const rig of [first, second])
      if (named.includes(path.basename(rig.folder)) && !existsSync(path.join(rig.folder, 'go')))
        violations.push(`approved before ${path.basename(rig.folder)} was let go`);
  });
  onTestFinished(unsubscribe);
  return {
    emulator,
    scheduler,
    url,
    first,
    second,
    networks,
    violations,
    announce: (vms, noticeMs) => {
      const { eventId } = emulator.operations.schedule({ type: 'Reboot', resources: [...vms], noticeMs });
      return {
        eventId,
        approvedBy: () =>
          emulator.operations
            .events()
            .find((event) => event.eventId === eventId)
            ?.approvals.map((approval) => approval.by) ?? [],
      };
    },
  };
}

export async function promiseOf(rig: AgentRig): Promise<string | undefined> {
  return (await rig.status()).events[0]?.promise;
}

/** Whom the agent takes for the leader of its event. */
export async function leaderOf(rig: AgentRig): Promise<string | null | undefined> {
  return (await rig.status()).events[0]?.record?.leader;
}

/** Waits until both VMs serve again; nothing may have happened on the way that must never happen. */
export async function bothBack(rig: AgreementRig): Promise<void> {
  for (const { gate } of [rig.first, rig.second]) await expect.poll(gate, WITHIN).toBe(200);
  expect(rig.violations).toEqual([]);
}
