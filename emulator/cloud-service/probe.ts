import { request } from 'node:http';
import { nextTurn, type Clock } from '../../common/runtime/clock.ts';

/** A health probe: what is asked of an instance. */
export interface ProbeTarget {
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

/** A time-out that fires later than it should by this share of itself tells of the prober, not of the probed. */
const OWN_DELAY_SHARE = 0.25;

/**
 * Asks once, over a connection of its own: true for status 200 within `timeoutMs`, false for anything else (Azure docs, Load
 * Balancer health probes, HTTP probe). A probe over a kept connection would go on talking to a server that has stopped
 * listening. Undefined when this process itself had no time to look: on a busy machine an answer that nobody has read yet must
 * not take a healthy instance out of rotation.
 */
export async function probeOnce(target: ProbeTarget, timeoutMs: number, clock: Clock): Promise<boolean | undefined> {
  const startedMs = clock.monotonic();
  return await new Promise((resolve) => {
    const outgoing = request({
      host: target.host,
      port: target.port,
      path: target.path,
      agent: false,
      headers: { connection: 'close', 'user-agent': 'Load Balancer Agent' },
    });
    const finish = (hasAnswered: boolean | undefined): void => {
      cancel();
      resolve(hasAnswered);
      outgoing.destroy();
    };
    const cancel = clock.after(timeoutMs, () => {
      const lateMs = clock.monotonic() - startedMs - timeoutMs;
      void afterReading(() => {
        finish(lateMs > timeoutMs * OWN_DELAY_SHARE ? undefined : false);
      });
    });
    outgoing.on('error', () => {
      finish(false);
    });
    outgoing.on('response', (response) => {
      finish(response.statusCode === 200);
    });
    outgoing.end();
  });
}

/** Timers come before what has arrived; the next turn reads that, and an answer among it counts. Never rejects. */
async function afterReading(judge: () => void): Promise<void> {
  await nextTurn();
  judge();
}
