import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runsHaproxy, startHaproxy } from '../contract/drain-haproxy.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { emulate, letGo, startAgent } from './agent-rig.ts';

const WITHIN = { timeout: 30_000, interval: 50 } as const;

describe.skipIf(!runsHaproxy)('an agent behind a real HAProxy (needs: apt-get install haproxy)', () => {
  it('promises only once the last session has gone, also when the balancer forgets the drain, and comes back', async () => {
    const balancer = await startHaproxy();
    onTestFinished(async () => {
      await balancer.close();
    });
    const emulator = await emulate(['web1']);
    const agent = await startAgent(emulator, 'web1', {
      folder: temporaryFolder(),
      extra: `haproxy: [{ sockets: ["${balancer.socket}"], server: web/s1 }]
connections: { ports: [${balancer.firstPort}] }
`,
    });
    await expect.poll(agent.gate, WITHIN).toBe(200);
    await expect.poll(async () => await balancer.adminState(), WITHIN).toBe('0');
    const client = connect(balancer.port, '127.0.0.1');
    client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(client, 'data');
    letGo(agent);
    emulator.operations.schedule({ type: 'Reboot', resources: ['web1'], noticeMs: 60_000 });
    await expect
      .poll(async () => (await agent.status()).events[0]?.detail, WITHIN)
      .toBe(
        `haproxy web/s1 at ${balancer.socket}: 1 sessions, 0 queued; connections to port ${balancer.firstPort}: 1 established`,
      );
    expect(emulator.operations.events()[0]?.state).toBe('scheduled');
    // The restart ends the session, too: what keeps the promise back then is that the drain has to be set again.
    await balancer.restart();
    await expect.poll(async () => await balancer.adminState(), WITHIN).not.toBe('0');
    await expect.poll(() => emulator.operations.events()[0]?.state, WITHIN).not.toBe('scheduled');
    await expect.poll(agent.gate, WITHIN).toBe(200);
    await expect.poll(async () => await balancer.adminState(), WITHIN).toBe('0');
    client.destroy();
    expect(agent.program.output()).toContain('the balancer had forgotten the drain; set again');
  });
});
