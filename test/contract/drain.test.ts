import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openClaims } from '../../agent/drain/claims.ts';
import type { Drain } from '../../agent/drain/drain.ts';
import { establishedConnections } from '../../agent/drain/established-connections.ts';
import { haproxyDrain } from '../../agent/drain/haproxy.ts';
import { openHealthGate } from '../../agent/drain/health-gate.ts';
import { silentLog } from '../../common/runtime/log.ts';
import { portOf, runsHaproxy, startApplication, startHaproxy, stop } from './drain-haproxy.ts';

/** One drain over a real thing: what it promises is the same for all of them. */
interface Rig {
  readonly drain: Drain;
  /** Opens a connection that carries traffic to the VM; undefined where the drain has no way of seeing traffic. */
  openTraffic: (() => Promise<{ close(): Promise<void> }>) | undefined;
  /** Would new traffic come to the VM now? Undefined where the drain only looks. */
  isTurnedAway: (() => Promise<boolean>) | undefined;
  close(): Promise<void>;
}

async function gateRig(): Promise<Rig> {
  const gate = await openHealthGate({ host: '127.0.0.1', port: 0 }, async () => true);
  return {
    drain: gate,
    openTraffic: undefined,
    isTurnedAway: async () => (await probe(gate.address.port)).status === 503,
    close: async () => {
      await gate.close();
    },
  };
}

async function connectionsRig(): Promise<Rig> {
  const server = await startApplication();
  return {
    drain: establishedConnections([portOf(server)]),
    openTraffic: async () => await openConnection(portOf(server)),
    isTurnedAway: undefined,
    close: async () => {
      await stop(server);
    },
  };
}

async function haproxyRig(): Promise<Rig> {
  const balancer = await startHaproxy();
  return {
    drain: haproxyDrain({
      socket: balancer.socket,
      server: 'web/s1',
      claims: await openClaims(path.join(balancer.folder, 'claims.json')),
      log: silentLog,
    }),
    openTraffic: async () => await openConnection(balancer.port),
    isTurnedAway: async () => (await probe(balancer.port)).body !== 's1',
    close: async () => {
      await balancer.close();
    },
  };
}

const RIGS: readonly { name: string; isThere: boolean; create(): Promise<Rig> }[] = [
  { name: 'health gate', isThere: true, create: gateRig },
  { name: 'established connections', isThere: existsSync('/proc/self/net/tcp'), create: connectionsRig },
  { name: 'haproxy (needs: apt-get install haproxy)', isThere: runsHaproxy, create: haproxyRig },
];

for (const kind of RIGS) {
  describe.skipIf(!kind.isThere)(`the drain contract on ${kind.name}`, () => {
    let rig: Rig;
    beforeEach(async () => {
      rig = await kind.create();
      await rig.drain.restore();
    });
    afterEach(async () => {
      await rig.close();
    });

    it('turns new traffic away, says so when nothing is left, and lets it in again', async () => {
      await rig.drain.start();
      expect((await rig.isTurnedAway?.()) ?? true).toBe(true);
      expect(await rig.drain.read()).toMatchObject({ clear: true });
      await rig.drain.restore();
      expect((await rig.isTurnedAway?.()) ?? false).toBe(false);
    });

    it('may be started and restored again and again', async () => {
      await rig.drain.start();
      await rig.drain.start();
      expect(await rig.drain.read()).toMatchObject({ clear: true });
      await rig.drain.restore();
      await rig.drain.restore();
      expect((await rig.isTurnedAway?.()) ?? false).toBe(false);
    });

    it('is not clear while a connection made before still carries traffic', async () => {
      if (rig.openTraffic === undefined) return;
      const traffic = await rig.openTraffic();
      await rig.drain.start();
      expect(await rig.drain.read()).toMatchObject({ clear: false });
      await traffic.close();
      await expect.poll(async () => (await rig.drain.read()).clear).toBe(true);
    });
  });
}

describe.skipIf(!runsHaproxy)('the HAProxy drain (needs: apt-get install haproxy)', () => {
  let balancer: Awaited<ReturnType<typeof startHaproxy>>;
  const open = async (): Promise<Drain> =>
    haproxyDrain({
      socket: balancer.socket,
      server: 'web/s1',
      claims: await openClaims(path.join(balancer.folder, 'claims.json')),
      log: silentLog,
    });
  beforeEach(async () => {
    balancer = await startHaproxy();
  });
  afterEach(async () => {
    await balancer.close();
  });

  it('is not clear after a restart of the balancer, and sets the drain again', async () => {
    const drain = await open();
    await drain.start();
    await balancer.restart();
    expect(await drain.read()).toMatchObject({ clear: false });
    await drain.start();
    expect(await drain.read()).toMatchObject({ clear: true });
  });

  it('rejects while the balancer is down, instead of taking it for drained', async () => {
    const drain = await open();
    await drain.start();
    await balancer.stop();
    await expect(drain.read()).rejects.toThrow('did not answer');
    await expect(drain.start()).rejects.toThrow('did not answer');
  });

  it.each(['maint', 'drain'])('leaves a server alone that its operator has put into %s', async (state) => {
    await balancer.ask(`set server web/s1 state ${state}`);
    const drain = await open();
    await drain.start();
    expect(await drain.read()).toMatchObject({ clear: true });
    await drain.restore();
    expect(await balancer.adminState()).not.toBe('0');
  });

  it('leaves maintenance to the operator who set it while the agent had drained the server', async () => {
    const drain = await open();
    await drain.start();
    await balancer.ask('set server web/s1 state maint');
    await drain.restore();
    expect(await balancer.adminState()).not.toBe('0');
  });

  it('gives the server back that it had drained before a crash', async () => {
    await (await open()).start();
    await (await open()).restore();
    expect(await balancer.adminState()).toBe('0');
  });

  it('says what HAProxy complained of when the server does not exist', async () => {
    const claims = await openClaims(path.join(balancer.folder, 'other.json'));
    const drain = haproxyDrain({ socket: balancer.socket, server: 'web/nobody', claims, log: silentLog });
    await expect(drain.start()).rejects.toThrow('knows no server web/nobody');
    const other = haproxyDrain({ socket: balancer.socket, server: 'none/s1', claims, log: silentLog });
    await expect(other.start()).rejects.toThrow("Can't find backend");
  });
});

/** A connection that has carried a request and stays open. */
async function openConnection(port: number): Promise<{ close(): Promise<void> }> {
  const socket: Socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(socket, 'data');
  return {
    close: async () => {
      socket.destroy();
      await once(socket, 'close');
    },
  };
}

async function probe(port: number): Promise<{ status: number; body: string }> {
  return await new Promise((resolve, reject) => {
    const outgoing = request({ port, host: '127.0.0.1', agent: false }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, body });
      });
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}
