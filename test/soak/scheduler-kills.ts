import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom, type RandomSource } from '../../common/runtime/random.ts';
import { startForewarn, type RunningProgram } from '../support/program.ts';
import { apiOf, type Body } from '../support/scheduler-api.ts';

export interface SchedulerKillsOptions {
  readonly seed: number;
  readonly kills: number;
  /** Settings of the store as a line of YAML; `FOLDER` stands for a folder of the run's own. */
  readonly store: string;
  readonly replicas: number;
  /** Environment of the schedulers started after so many kills; where it breaks their start it is tried again. */
  readonly environment?: (kills: number) => NodeJS.ProcessEnv;
  /** Called after each kill: whatever else is to be broken. */
  readonly disturb?: (kill: number) => Promise<void>;
  report(line: string): void;
}

export interface SchedulerKillsResult {
  readonly kills: number;
  /** Jobs whose PUT was answered with 201. */
  readonly accepted: number;
  /** Requests that reached the target. */
  readonly requests: number;
  /** Occurrences that reached it more than once. */
  readonly repeated: number;
  /** Executions that a second attempt was made of. */
  readonly takenOver: number;
  readonly longestRecoveryMs: number;
  /** What must never be, one line each. */
  readonly violations: readonly string[];
}

interface Arrival {
  readonly job: string;
  readonly tag: string;
  readonly attempt: number;
}

/** Jobs are written this often, each due within the time after it. */
const WRITE_EVERY_MS = 20;
const DUE_WITHIN_MS = 1500;
/** A target takes up to so long to answer, so that a kill finds requests under way. */
const ANSWER_WITHIN_MS = 80;
/** Longest life between two kills, on a machine with time for it. */
const LIFE_MS = 1500;
/** So many jobs for each kill are accepted before it: a machine that is busy with other things would kill idle schedulers. */
const ACCEPTED_PER_KILL = 6;
const ACCEPTED_WITHIN_MS = 15_000;
/** A replica that died is taken over within its lease and a beat (16 s); the rest is for a loaded machine. */
const RECOVERED_WITHIN_MS = 60_000;
/** As many jobs as one collection of the largest plan holds. */
const PER_COLLECTION = 900;
/** Starts under faults that may themselves be hit. */
const MAX_STARTS = 20;
const GROUP = '/subscriptions/Sub1/resourceGroups/Group1/providers/Microsoft.Scheduler/jobCollections';

/**
 * Real schedulers under load, killed with SIGKILL again and again. The witness is the target's own ledger: every accepted
 * job arrived, under one tag, with attempts that rise; and the history holds one ending of each.
 */
export async function killSchedulers(options: SchedulerKillsOptions): Promise<SchedulerKillsResult> {
  const random = seededRandom(options.seed);
  const folder = mkdtempSync(path.join(tmpdir(), 'forewarn-scheduler-kills-'));
  const target = await startTarget(random);
  const config = path.join(folder, 'scheduler.yaml');
  writeFileSync(
    config,
    `access: { loopback: open }\nlisten: 127.0.0.1:0\nstore: ${options.store.replaceAll('FOLDER', folder)}\nreplica: { name: "\${NAME}" }\n` +
      'http: { allowPrivate: true }\n',
  );
  const start = async (index: number, kills = 0): Promise<RunningProgram> => {
    const environment = options.environment?.(kills) ?? {};
    for (let tries = 1; ; tries++) {
      try {
        return await startForewarn(['scheduler', '--config', config], { NAME: `replica-${index}`, ...environment });
      } catch (error) {
        if (Object.keys(environment).length === 0 || tries === MAX_STARTS) throw error;
      }
    }
  };
  const running: RunningProgram[] = [];
  for (let index = 0; index < options.replicas; index++) running.push(await start(index));
  const accepted = new Map<string, string>();
  const stopping = new AbortController();
  const writing = write({ running, accepted, random, url: target.url, signal: stopping.signal });
  try {
    for (let kill = 1; kill <= options.kills; kill++) {
      await sleep(random.fraction() * LIFE_MS);
      await untilAccepted(accepted, kill * ACCEPTED_PER_KILL);
      const index = Math.floor(random.fraction() * running.length);
      await running[index]?.stop('SIGKILL');
      await options.disturb?.(kill);
      running[index] = await start(index, kill);
      if (kill % 10 === 0) options.report(`kill ${kill} of ${options.kills}: ${accepted.size} jobs accepted`);
    }
    stopping.abort();
    await writing;
    const beganMs = performance.now();
    const died = running.filter(({ child }) => child.exitCode !== null || child.signalCode !== null);
    if (died.length > 0) throw new Error(`ended by itself:\n${died.map((program) => program.output()).join('\n')}`);
    const violations = await untilDone(running, accepted, beganMs + RECOVERED_WITHIN_MS);
    const longestRecoveryMs = performance.now() - beganMs;
    violations.push(...judge(target.arrivals, accepted));
    const byTag = Map.groupBy(target.arrivals, (arrival) => arrival.tag);
    return {
      kills: options.kills,
      accepted: accepted.size,
      requests: target.arrivals.length,
      repeated: [...byTag.values()].filter((arrivals) => arrivals.length > 1).length,
      takenOver: [...byTag.values()].filter((arrivals) => arrivals.some(({ attempt }) => attempt > 1)).length,
      longestRecoveryMs,
      violations,
    };
  } finally {
    stopping.abort();
    await writing;
    for (const program of running) await program.stop('SIGKILL');
    target.server.close();
    target.server.closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function startTarget(
  random: RandomSource,
): Promise<{ readonly url: string; readonly arrivals: Arrival[]; readonly server: Server }> {
  const arrivals: Arrival[] = [];
  const server = createServer((request, response) => {
    const { headers } = request;
    arrivals.push({
      job: `${String(headers['x-ms-scheduler-jobcollection'])}/${String(headers['x-ms-scheduler-jobid'])}`,
      tag: String(headers['x-ms-execution-tag']),
      attempt: Number(headers['x-ms-scheduler-attempt']),
    });
    setTimeout(() => response.end('done'), random.fraction() * ANSWER_WITHIN_MS);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, arrivals, server };
}

/** Writes jobs until told to stop. One counts as accepted when the answer says so; what became of the others is open. */
async function write(from: {
  readonly running: readonly RunningProgram[];
  readonly accepted: Map<string, string>;
  readonly random: RandomSource;
  readonly url: string;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { running, accepted, random, signal } = from;
  let opened = -1;
  for (let number = 0; !signal.aborted; number++) {
    const collection = Math.floor(number / PER_COLLECTION);
    const name = `job${number}`;
    const api = apiOf(`http://${String(running[number % running.length]?.ready['listen'])}`);
    try {
      if (opened < collection) {
        const body = { location: 'local', properties: { sku: { name: 'P20Premium' } } };
        if ((await api.call('put', `${GROUP}/load${collection}`, body)).status === 201) opened = collection;
      }
      const { status } = await api.call('put', `${GROUP}/load${collection}/jobs/${name}`, {
        properties: {
          startTime: new Date(Date.now() + random.fraction() * DUE_WITHIN_MS).toISOString(),
          action: { type: 'Http', request: { uri: from.url, method: 'GET' } },
        },
      });
      if (status === 201) accepted.set(`load${collection}/${name}`, name);
    } catch {
      // It was killed just now.
    }
    await sleep(WRITE_EVERY_MS);
  }
}

/** Gives up silently: under faults little may be accepted, which is for the test to judge. */
async function untilAccepted(accepted: ReadonlyMap<string, string>, count: number): Promise<void> {
  const deadlineMs = performance.now() + ACCEPTED_WITHIN_MS;
  while (accepted.size < count && performance.now() < deadlineMs) await sleep(WRITE_EVERY_MS);
}

/** Waits until every accepted job is over; what is still open at the deadline, or ended more than once, is a violation. */
async function untilDone(
  running: readonly RunningProgram[],
  accepted: ReadonlyMap<string, string>,
  deadlineMs: number,
): Promise<string[]> {
  const api = apiOf(`http://${String(running[0]?.ready['listen'])}`);
  const collections = new Set([...accepted.keys()].map((job) => job.split('/')[0] ?? ''));
  let open: string[] = [];
  let seen = new Map<string, Body>();
  do {
    await sleep(250);
    seen = new Map();
    for (const collection of collections) {
      for (let skip = 0; ; skip += 100) {
        const query = { 'api-version': '2016-03-01', $top: '100', $skip: `${skip}` };
        const { body } = await api.call('get', `${GROUP}/${collection}/jobs`, undefined, query);
        const jobs = body['value'] as Body[];
        for (const job of jobs) seen.set(String(job['name']), job['properties'] as Body);
        if (jobs.length < 100) break;
      }
    }
    open = [...accepted.keys()].filter((job) => seen.get(job)?.['state'] !== 'completed');
  } while (open.length > 0 && performance.now() < deadlineMs);
  const violations = open.map(
    (job) => `${job} was accepted and is ${JSON.stringify(seen.get(job)?.['state'] ?? 'lost')}`,
  );
  for (const job of accepted.keys()) {
    const status = seen.get(job)?.['status'] as Body | undefined;
    if (status !== undefined && status['executionCount'] !== 1) {
      violations.push(`${job} was ended ${String(status['executionCount'])} times`);
    }
  }
  return violations;
}

function judge(arrivals: readonly Arrival[], accepted: ReadonlyMap<string, string>): string[] {
  const byJob = Map.groupBy(arrivals, (arrival) => arrival.job);
  const violations = [...accepted.keys()].filter((job) => !byJob.has(job)).map((job) => `${job} never arrived`);
  for (const [job, own] of byJob) {
    if (new Set(own.map(({ tag }) => tag)).size > 1) violations.push(`${job} arrived under several tags`);
    const attempts = own.map(({ attempt }) => attempt);
    if (attempts.some((attempt, index) => index > 0 && attempt <= (attempts[index - 1] ?? 0))) {
      violations.push(`${job} arrived with attempts ${attempts.join(', ')}, which do not rise`);
    }
  }
  return violations;
}
