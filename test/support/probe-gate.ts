import { request } from 'node:http';

/** What a probe of the health gate at `address` (host:port) is told: its status, or 0 when nobody answers. */
export async function probeGate(address: string): Promise<number> {
  return await new Promise((resolve) => {
    const outgoing = request(`http://${address}/drainz`, { agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    outgoing.on('error', () => {
      resolve(0);
    });
    outgoing.end();
  });
}
