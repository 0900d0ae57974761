import { startPostgres } from '../support/postgres-server.ts';
import { killFleetReplicas } from './fleet-kills.ts';
import { killSchedulers } from './scheduler-kills.ts';

/** Prints what happened on each store; resolves false when something happened that must never happen. */
export async function soakSchedulers(options: {
  readonly store?: 'sqlite' | 'postgres';
  readonly seed: number;
  readonly kills: number;
  readonly replicas: number;
}): Promise<boolean> {
  const stores = options.store === undefined ? (['sqlite', 'postgres'] as const) : [options.store];
  let isGood = true;
  for (const store of stores) {
    const server = store === 'postgres' ? await startPostgres(['fsync=off']) : undefined;
    try {
      const result = await killSchedulers({
        ...options,
        store: server === undefined ? '{ sqlite: FOLDER/store.db }' : `{ postgres: { url: "${server.url}" } }`,
        replicas: server === undefined ? 1 : options.replicas,
        report: (line) => process.stdout.write(`scheduler on ${store}: ${line}\n`),
      });
      for (const violation of result.violations) process.stdout.write(`VIOLATION ${violation}\n`);
      process.stdout.write(
        `scheduler on ${store}: ${result.kills} kills, ${result.accepted} jobs accepted, ${result.requests} requests, ` +
          `${result.takenOver} taken over, ${result.repeated} repeated, the last recovery ${Math.round(result.longestRecoveryMs)} ms, ` +
          `violations ${result.violations.length}; repeat it: npm run soak -- scheduler --store ${store} --seed ${options.seed} --kills ${options.kills}\n`,
      );
      isGood &&= result.violations.length === 0;
    } finally {
      await server?.close();
    }
  }
  return isGood;
}

/** The same for fleet jobs, which only several replicas on one PostgreSQL can lose. */
export async function soakFleet(options: {
  readonly seed: number;
  readonly kills: number;
  readonly replicas: number;
}): Promise<boolean> {
  const server = await startPostgres(['fsync=off']);
  try {
    const result = await killFleetReplicas({
      ...options,
      url: server.url,
      report: (line) => process.stdout.write(`fleet: ${line}\n`),
    });
    for (const violation of result.violations) process.stdout.write(`VIOLATION ${violation}\n`);
    process.stdout.write(
      `fleet: ${result.kills} kills and freezes, ${result.rollouts} rollouts, ${result.takenOver} taken over, ${result.orders} orders, ` +
        `at most ${result.mostOut} out, violations ${result.violations.length}; repeat it: npm run soak -- fleet --seed ${options.seed} --kills ${options.kills}\n`,
    );
    return result.violations.length === 0;
  } finally {
    await server.close();
  }
}
