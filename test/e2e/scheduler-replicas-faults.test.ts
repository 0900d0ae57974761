import { expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../common/runtime/clock.ts';
import { silentLog } from '../../common/runtime/log.ts';
import { seededRandom, systemRandom } from '../../common/runtime/random.ts';
import { createClaimPlan } from '../../scheduler/engine/plan.ts';
import { openStore } from '../../scheduler/store/open.ts';
import { killSchedulers } from '../soak/scheduler-kills.ts';
import { createDatabase } from '../support/postgres-database.ts';
import { startPostgres } from '../support/postgres-server.ts';
import { givenJob } from '../support/scheduler-store.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

it('replicas whose PostgreSQL is restarted under load go on, lose nothing and end everything once', async () => {
  const server = await startPostgres(['fsync=off']);
  onTestFinished(async () => {
    await server.close();
  });
  const result = await killSchedulers({
    seed: Date.now() % 1_000_000,
    kills: 3,
    store: `{ postgres: { url: "${server.url}" } }`,
    replicas: 2,
    disturb: async () => {
      await server.restart();
    },
    report: () => {},
  });
  expect(result.violations).toEqual([]);
  expect(result.accepted).toBeGreaterThan(10);
}, 180_000);

it('connections to PostgreSQL that have become half-open are found out and replaced', async () => {
  const database = await createDatabase();
  const direct = new URL(database.url);
  const proxy = await startTcpProxy(() => Number(direct.port));
  const url = new URL(database.url);
  url.port = `${proxy.port}`;
  const parts = { clock: systemClock, random: systemRandom, log: silentLog };
  const settings = { kind: 'postgres' as const, connections: 2, replication: 'none' as const };
  const through = await openStore({ ...settings, url: url.href }, parts);
  const other = await openStore({ ...settings, url: database.url }, parts);
  onTestFinished(async () => {
    await through.close();
    await other.close();
    await proxy.close();
    await database.drop();
  });
  let heard = 0;
  through.subscribe(() => heard++);
  await givenJob(through, Date.now() - 1000);
  const claim = async (): Promise<number> => {
    const plan = createClaimPlan(seededRandom(1));
    return (await through.executions.claimDue({ limit: 10, plan, regionsOfOthers: [] })).claims.length;
  };

  expect(proxy.freeze()).toBeGreaterThanOrEqual(2);
  proxy.heal();
  const beganMs = performance.now();
  let claimed: number | undefined;
  while (claimed === undefined) {
    try {
      claimed = await claim();
    } catch {
      // Each connection that was open costs one failure at most.
    }
  }
  expect(claimed).toBe(1);
  expect(performance.now() - beganMs).toBeLessThan(30_000);

  // And what others tell is heard again.
  const before = heard;
  const isSilent = (): boolean => heard === before && performance.now() - beganMs < 40_000;
  while (isSilent()) {
    await givenJob(other, Date.now() + 60_000, { ref: { job: `later${performance.now()}`.replace('.', '') } });
    await systemClock.sleep(500);
  }
  expect(heard).toBeGreaterThan(before);
}, 90_000);
