import { Agent, request } from 'node:http';

/** An application that takes longer to say that it is well is not. Below the shortest interval of a balancer's probe. */
const TIMEOUT_MS = 1000;

const DIRECT = new Agent({ keepAlive: false });

/** Does the application's own probe answer 200? Never rejects. */
export async function probeApplication(url: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const outgoing = request(url, { agent: DIRECT, signal: AbortSignal.timeout(TIMEOUT_MS) });
    outgoing.on('error', () => {
      resolve(false);
    });
    outgoing.on('response', (response) => {
      response.resume();
      response.on('error', () => {});
      resolve(response.statusCode === 200);
    });
    outgoing.end();
  });
}
