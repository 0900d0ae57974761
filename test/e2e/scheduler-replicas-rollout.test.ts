import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createDatabase } from '../support/postgres-database.ts';
import type { RunningProgram } from '../support/program.ts';
import { apiOf, SHOP } from '../support/scheduler-api.ts';
import { startReplica } from '../support/start-replica.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { emulate, letGo, startAgent, type AgentRig } from './agent-rig.ts';

/** The machine may have other things to do, and a takeover alone takes up to 16 s; nothing here waits so long otherwise. */
const WITHIN = { timeout: 90_000, interval: 50 } as const;
const VMS = ['web1', 'web2', 'web3', 'web4'] as const;

interface RolloutView {
  readonly status: string;
  readonly attempt: number;
  readonly summary: string;
  readonly vms: readonly { readonly name: string; readonly phase: string }[];
}

interface Rig {
  readonly one: RunningProgram;
  readonly two: RunningProgram;
  readonly urls: { readonly one: string; readonly two: string };
  /** What the tasks have written: `start VM ATTEMPT KEY` and `end VM ATTEMPT KEY`. */
  readonly ledger: () => readonly (readonly string[])[];
  /** While it is held, the task of a VM does not end. */
  readonly hold: (name: string) => void;
  readonly release: (name: string) => void;
  /** The most VMs whose gates were seen shut together. */
  readonly mostOut: () => number;
  readonly rollout: (url: string) => Promise<RolloutView | undefined>;
  readonly start: (maxUnavailable: number) => Promise<void>;
}

/** Two schedulers on one database, the first of which is the home; web1 and web3 begin with it, web2 and web4 with the other. */
async function rig(): Promise<Rig> {
  const folder = temporaryFolder();
  const database = await createDatabase();
  onTestFinished(async () => {
    await database.drop();
  });
  const emulator = await emulate(VMS);
  const one = await startReplica(folder, 'one', database.url);
  const two = await startReplica(folder, 'two', database.url);
  const urls = { one: `http://${String(one.ready['listen'])}`, two: `http://${String(two.ready['listen'])}` };

  mkdirSync(path.join(folder, 'tasks.d'));
  const ledger = path.join(folder, 'ledger');
  writeFileSync(ledger, '');
  writeFileSync(
    path.join(folder, 'tasks.d', 'step'),
    `#!/bin/sh
say() { echo "$1 $FOREWARN_VM_NAME $FOREWARN_TASK_ATTEMPT $FOREWARN_TASK_KEY" >> "${ledger}"; }
say start
while [ -e "${folder}/hold-$FOREWARN_VM_NAME" ]; do sleep 0.05; done
say end
`,
    { mode: 0o755 },
  );
  const agents = await Promise.all(
    VMS.map(async (name, index) => {
      const order = index % 2 === 0 ? [urls.one, urls.two] : [urls.two, urls.one];
      const extra = `scheduler: { url: ${JSON.stringify(order)} }\ntasks: { folder: ${JSON.stringify(path.join(folder, 'tasks.d'))} }`;
      return await startAgent(emulator, name, { folder, extra });
    }),
  );
  for (const agent of agents) {
    // Its hook is of no interest here.
    letGo(agent);
    await expect.poll(agent.gate, WITHIN).toBe(200);
  }
  await expect.poll(async () => await connectedAt(urls.one), WITHIN).toEqual([...VMS]);
  const file = (name: string): string => path.join(folder, `hold-${name}`);
  return {
    one,
    two,
    urls,
    ledger: () =>
      readFileSync(ledger, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => line.split(' ')),
    hold: (name) => {
      writeFileSync(file(name), '');
    },
    release: (name) => {
      if (existsSync(file(name))) rmSync(file(name));
    },
    mostOut: watchGates(agents),
    rollout: async (url) =>
      ((await (await fetch(`${url}/forewarn/v1/rollouts`)).json()) as { value: RolloutView[] }).value[0],
    // Through the replica that is not the home.
    start: async (maxUnavailable) => {
      const { call } = apiOf(urls.two);
      await call('put', SHOP, { properties: { sku: { name: 'Standard' } } });
      const fleet = { selector: { scope: 'set' }, task: 'step', maxUnavailable, timeoutSeconds: 120 };
      const answer = await call('put', `${SHOP}/jobs/patch`, { properties: { action: { type: 'Fleet', fleet } } });
      expect(answer.status).toBe(201);
    },
  };
}

async function connectedAt(url: string): Promise<readonly string[]> {
  const { value } = (await (await fetch(`${url}/forewarn/v1/vms`)).json()) as {
    value: { name: string; connected: boolean; inRotation: boolean; healthy: boolean }[];
  };
  return value.filter((vm) => vm.connected && vm.inRotation && vm.healthy).map(({ name }) => name);
}

function watchGates(agents: readonly AgentRig[]): () => number {
  let most = 0;
  const over = new AbortController();
  const watch = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const states = await Promise.all(agents.map(async ({ gate }) => await gate()));
      most = Math.max(most, states.filter((state) => state === 503).length);
    }
  };
  const watching = watch();
  onTestFinished(async () => {
    over.abort();
    await watching;
  });
  return () => most;
}

it('a fleet job reaches the agents of both replicas, within one budget', async () => {
  const { start, ledger, mostOut, rollout, urls } = await rig();
  await start(1);
  await expect.poll(async () => await rollout(urls.two), WITHIN).toMatchObject({ status: 'completed' });
  // Every replica tells the same, of the rollout and of who is connected.
  for (const url of [urls.one, urls.two]) {
    expect(await rollout(url)).toMatchObject({ attempt: 1, vms: VMS.map((name) => ({ name, phase: 'done' })) });
    expect(await connectedAt(url)).toEqual([...VMS]);
  }
  expect(ledger().map(([what, vm]) => `${what} ${vm}`)).toEqual(
    VMS.flatMap((name) => [`start ${name}`, `end ${name}`]),
  );
  expect(mostOut()).toBe(1);
}, 180_000);

it.each([
  ['is killed', 'SIGKILL'],
  ['is frozen, and comes back,', 'SIGSTOP'],
] as const)(
  'a rollout whose replica %s is ended by the other one, never over the budget, each task valid once',
  async (_what, signal) => {
    const { one, start, hold, release, ledger, mostOut, rollout, urls } = await rig();
    for (const name of ['web3', 'web4']) hold(name);
    await start(2);
    const started = (): string => JSON.stringify(ledger().filter(([what]) => what === 'start'));
    await expect.poll(() => ledger().filter(([what]) => what === 'start').length, WITHIN).toBe(4);
    const killedAtMs = performance.now();
    one.child.kill(signal);
    // Under the next attempt, at both: the one that had to find the other replica, and the one that was there already.
    await expect.poll(() => ['web3', 'web4'].every((name) => started().includes(`"${name}","2"`)), WITHIN).toBe(true);
    const takenOverMs = performance.now() - killedAtMs;
    if (signal === 'SIGSTOP') {
      one.child.kill('SIGCONT');
      await expect.poll(() => one.output().includes('taken for dead'), WITHIN).toBe(true);
    }
    for (const name of ['web3', 'web4']) release(name);
    await expect.poll(async () => await rollout(urls.two), WITHIN).toMatchObject({ status: 'completed' });

    expect(await rollout(urls.two)).toMatchObject({ attempt: 2, vms: VMS.map((name) => ({ name, phase: 'done' })) });
    // A lease and a beat, and what a machine that does much else takes to start two tasks.
    expect(takenOverMs).toBeLessThan(60_000);
    const ended = ledger().filter(([what]) => what === 'end');
    expect(ended.map(([, vm, attempt]) => `${vm} ${attempt}`).toSorted()).toEqual([
      'web1 1',
      'web2 1',
      'web3 2',
      'web4 2',
    ]);
    // What is begun again can tell that it is: each VM has one key.
    expect(new Set(ledger().map(([, vm, , key]) => `${vm} ${key}`)).size).toBe(VMS.length);
    expect(mostOut()).toBe(2);
  },
  240_000,
);
