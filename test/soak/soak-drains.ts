import { cycleDrains } from './drains.ts';

const RESTART_EVERY = 10;

/** Drains and restores behind a real HAProxy under load. Resolves false when a request failed or came after a promise. */
export async function soakDrains(options: { readonly cycles: number }): Promise<boolean> {
  const report = (line: string): void => {
    process.stdout.write(`${line}\n`);
  };
  const began = performance.now();
  const result = await cycleDrains({ ...options, restartEvery: RESTART_EVERY, report });
  const { load, restarts, intruders } = result;
  report(
    `drains: ${result.cycles} cycles in ${((performance.now() - began) / 1000).toFixed(0)} s, slowest drain ${Math.round(result.slowestMs)} ms; ` +
      `${load.requests} requests, ${load.webSocketMessages} WebSocket messages (${load.reconnects} connections); failed: ${load.failures.length}`,
  );
  report(
    `drains: requests at the VM after its promise: ${intruders.calm} in calm cycles, ${intruders.withFile} in ${restarts.withFile} restarts with the state file, ` +
      `${intruders.withoutFile} in ${restarts.withoutFile} without it (window at most ${Math.round(result.windowMs)} ms)`,
  );
  report(
    `drains: ${load.lostWithBalancer} posts were under way when the balancer was killed (no client may repeat those by itself)`,
  );
  for (const violation of result.violations) report(`drains: ${violation}`);
  return result.violations.length === 0;
}
