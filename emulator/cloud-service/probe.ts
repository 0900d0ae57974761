import { request } from 'node:http';
import type { Clock } from '../../common/runtime/clock.ts';

/** A health probe: what is asked of an instance. */
export interface ProbeTarget {
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

/**
 * Asks once, over a connection of its own: true for status 200 within `timeoutMs`, false for anything else (Azure docs, Load
 * Balancer health probes, HTTP probe). A probe over a kept connection would go on talking to a server that has stopped
 * listening.
 */
export async function probeOnce(target: ProbeTarget, timeoutMs: number, clock: Clock): Promise<boolean> {
  return await new Promise((resolve) => {
    const outgoing = request({
      host: target.host,
      port: target.port,
      path: target.path,
      agent: false,
      headers: { connection: 'close', 'user-agent': 'Load Balancer Agent' },
    });
    const finish = (hasAnswered: boolean): void => {
      cancel();
      resolve(hasAnswered);
      outgoing.destroy();
    };
    const cancel = clock.after(timeoutMs, () => {
      finish(false);
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
