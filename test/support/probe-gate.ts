import { request } from 'node:http';

/** An agent answers within milliseconds; on a busy machine within this. */
const ANSWER_WITHIN_MS = 3000;

/**
 * What a probe of the health gate at `address` (host:port) is told: its status, or 0 when it is refused or cut off, or not
 * answered within `patienceMs`.
 */
export async function probeGate(address: string, patienceMs = ANSWER_WITHIN_MS): Promise<number> {
  return await new Promise((resolve) => {
    const outgoing = request(`http://${address}/drainz`, { agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    outgoing.on('error', () => {
      resolve(0);
    });
    // A process that stands still accepts connections and says nothing.
    outgoing.setTimeout(patienceMs, () => outgoing.destroy());
    outgoing.end();
  });
}
