import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openClaims } from '../../agent/drain/claims.ts';
import type { Drain } from '../../agent/drain/drain.ts';
import { establishedConnections } from '../../agent/drain/established-connections.ts';
import { haproxyDrain, type HaproxyOptions } from '../../agent/drain/haproxy.ts';
import { haproxyStateFile } from '../../agent/drain/haproxy-state-file.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { runsHaproxy, startHaproxy } from './drain-haproxy.ts';
import { runsNginx, startNginx, type RunningNginx } from './drain-nginx.ts';
import { directNginx, HAPROXY_DEFAULTS, RIGS, type Rig } from './drain-rigs.ts';
import { RECIPE_RIGS } from './drain-recipe-rigs.ts';
import { ask, openTraffic } from './drain-traffic.ts';

const WITHIN = { timeout: 10_000, interval: 20 } as const;

for (const kind of [...RIGS, ...RECIPE_RIGS]) {
  describe.skipIf(!kind.isThere)(`the drain contract on ${kind.name}`, () => {
    let rig: Rig;
    beforeEach(async () => {
      rig = await kind.create();
      await rig.drain.restore();
    });
    afterEach(async () => {
      await rig.close();
    });
    /** The agent, too, turns away again and again until nothing is left. */
    const isClear = async (): Promise<boolean> => {
      await rig.drain.start();
      return (await rig.drain.read()).clear;
    };
    const isTurnedAway = async (otherwise: boolean): Promise<boolean> => (await rig.isTurnedAway?.()) ?? otherwise;

    it('turns new traffic away, says so when nothing is left, and lets it in again', async () => {
      await rig.drain.start();
      expect(await isTurnedAway(true)).toBe(true);
      await expect.poll(isClear, WITHIN).toBe(true);
      await rig.drain.restore();
      await expect.poll(async () => await isTurnedAway(false), WITHIN).toBe(false);
    });

    it('is not clear while it is in rotation', async () => {
      if (rig.isTurnedAway === undefined) return;
      expect(await rig.drain.read()).toMatchObject({ clear: false });
    });

    it('may be started and restored again and again', async () => {
      await rig.drain.start();
      await rig.drain.start();
      await expect.poll(isClear, WITHIN).toBe(true);
      await rig.drain.restore();
      await rig.drain.restore();
      await expect.poll(async () => await isTurnedAway(false), WITHIN).toBe(false);
    });

    it('is not clear while a connection made before still carries traffic', async () => {
      if (rig.openTraffic === undefined) return;
      const traffic = await rig.openTraffic();
      expect(await isClear()).toBe(false);
      expect(await isClear()).toBe(false);
      await traffic.close();
      await expect.poll(isClear, WITHIN).toBe(true);
    });

    it('leaves the VM to whoever else had turned it away before', async () => {
      if (rig.turnAwayByHand === undefined) return;
      await rig.turnAwayByHand();
      await rig.drain.start();
      await rig.drain.start();
      await expect.poll(isClear, WITHIN).toBe(true);
      await rig.drain.restore();
      expect(await isTurnedAway(true)).toBe(true);
    });
  });
}

describe.skipIf(!runsHaproxy)('the HAProxy drain (needs: apt-get install haproxy)', () => {
  let balancer: Awaited<ReturnType<typeof startHaproxy>>;
  const open = async (change: Partial<HaproxyOptions> = {}): Promise<Drain> =>
    haproxyDrain({
      ...HAPROXY_DEFAULTS,
      socket: balancer.socket,
      claims: await openClaims(path.join(balancer.folder, 'claims.json')),
      ...change,
    });
  const restartWithStateFile = async (): Promise<void> => {
    await balancer.close();
    balancer = await startHaproxy({ withStateFile: true });
  };
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
    const drain = await open({ maintAfterMs: undefined });
    await drain.start();
    await balancer.ask('set server web/s1 state maint');
    await drain.start();
    await drain.restore();
    expect(await balancer.adminState()).not.toBe('0');
  });

  it('gives the server back that it had drained before a crash', async () => {
    await (await open()).start();
    await (await open()).restore();
    expect(await balancer.adminState()).toBe('0');
  });

  it('goes from drain to maintenance when its time has come, and then shuts the sessions down', async () => {
    const drain = await open({ maintAfterMs: 0, shutdownAfterMs: 0 });
    const socket = connect(balancer.port, '127.0.0.1');
    socket.write('GET /endless HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'data');
    const closed = once(socket, 'close');
    await drain.start();
    await closed;
    await expect.poll(async () => (await drain.read()).clear, WITHIN).toBe(true);
    await drain.restore();
    expect(await balancer.adminState()).toBe('0');
  });

  it('waits in drain while there are sessions, and goes on to maintenance once there are none', async () => {
    const drain = await open();
    const traffic = await openTraffic(balancer.port);
    await drain.start();
    expect(await balancer.adminState()).toBe('8');
    await traffic.close();
    await expect
      .poll(async () => {
        await drain.start();
        return await balancer.adminState();
      }, WITHIN)
      .toBe('1');
    expect(await drain.read()).toMatchObject({ clear: true });
  });

  it('with the state file, a HAProxy that restarts comes back with the server still out, and in when it was restored', async () => {
    await restartWithStateFile();
    const drain = await open({ stateFile: haproxyStateFile(balancer.stateFile) });
    await drain.start();
    await balancer.restart();
    expect(await drain.read()).toMatchObject({ clear: true });
    expect((await ask(balancer.port)).body).toBe('s2');
    await drain.restore();
    expect((await ask(balancer.port)).body).toBe('s1');
    await balancer.restart();
    expect((await ask(balancer.port)).body).toBe('s1');
  });

  it('keeps no state of servers in the file that are not its own', async () => {
    await restartWithStateFile();
    await balancer.ask('set server web/s2 state maint');
    const drain = await open({ stateFile: haproxyStateFile(balancer.stateFile) });
    await drain.start();
    const held = await readFile(balancer.stateFile, 'utf8');
    expect(held).toContain(' s1 ');
    expect(held).not.toContain(' s2 ');
    await drain.restore();
    expect(await readFile(balancer.stateFile, 'utf8')).not.toContain(' s1 ');
  });

  it('ends a connection that HAProxy kept although it came back in maintenance', async () => {
    await balancer.close();
    balancer = await startHaproxy({ mode: 'http' });
    const drain = await open({ maintAfterMs: 0 });
    const inside = establishedConnections([balancer.firstPort]);
    const socket = connect(balancer.port, '127.0.0.1');
    socket.write('GET /held HTTP/1.1\r\nHost: x\r\n\r\n');
    await expect.poll(async () => (await inside.read()).clear, WITHIN).toBe(false);
    await drain.start();
    const answered = once(socket, 'data');
    balancer.release();
    await answered;
    expect(await inside.read()).toMatchObject({ clear: false });
    await expect
      .poll(async () => {
        await drain.start();
        return (await drain.read()).clear && (await inside.read()).clear;
      }, WITHIN)
      .toBe(true);
    socket.destroy();
  });

  it('cuts nobody off at once who came in because the balancer had forgotten the drain', async () => {
    const clock = new FakeClock();
    const drain = await open({ maintAfterMs: 0, shutdownAfterMs: 60_000, clock });
    await drain.start();
    await clock.advance(120_000);
    await balancer.restart();
    const traffic = await openTraffic(balancer.port);
    await drain.start();
    expect(await drain.read()).toMatchObject({ clear: false, count: 1 });
    await clock.advance(60_000);
    await drain.start();
    await expect.poll(async () => (await drain.read()).clear, WITHIN).toBe(true);
    await traffic.close();
  });

  it('does not take the VM for restored while its health check has not passed, but waits for that only so long', async () => {
    const clock = new FakeClock();
    const drain = await open({ maintAfterMs: undefined, clock });
    await drain.start();
    await balancer.ask('set server web/s1 health down');
    await expect(drain.restore()).rejects.toThrow('its health check has not passed yet');
    await clock.advance(20_000);
    await expect(drain.restore()).rejects.toThrow('its health check has not passed yet');
    await clock.advance(20_000);
    await drain.restore();
  });

  it('gives maintenance back that it had set before a crash', async () => {
    await (await open({ maintAfterMs: 0 })).start();
    expect(await balancer.adminState()).toBe('1');
    await (await open()).restore();
    expect(await balancer.adminState()).toBe('0');
  });

  it('says what HAProxy complained of when the server does not exist', async () => {
    const claims = await openClaims(path.join(balancer.folder, 'other.json'));
    const drain = haproxyDrain({ ...HAPROXY_DEFAULTS, socket: balancer.socket, server: 'web/nobody', claims });
    await expect(drain.start()).rejects.toThrow('knows no server web/nobody');
    const other = haproxyDrain({ ...HAPROXY_DEFAULTS, socket: balancer.socket, server: 'none/s1', claims });
    await expect(other.start()).rejects.toThrow("Can't find backend");
  });
});

describe.skipIf(!runsNginx)('the nginx drain (needs: apt-get install nginx)', () => {
  let nginx: RunningNginx;
  const open = async (): Promise<Drain> => directNginx(nginx, await openClaims(path.join(nginx.folder, 'claims.json')));
  beforeEach(async () => {
    nginx = await startNginx();
  });
  afterEach(async () => {
    await nginx.close();
  });

  it('keeps everything else in the file as its operator wrote it', async () => {
    const before = await readFile(nginx.file, 'utf8');
    const drain = await open();
    await drain.start();
    expect(await readFile(nginx.file, 'utf8')).toBe(before.replace(';', ' down;'));
    await drain.restore();
    expect(await readFile(nginx.file, 'utf8')).toBe(before);
  });

  it('survives a restart of nginx, and one of the agent', async () => {
    await (await open()).start();
    await nginx.restart();
    expect((await ask(nginx.port)).body).toBe('s2');
    const again = await open();
    await again.start();
    expect(await again.read()).toMatchObject({ clear: true });
    await again.restore();
    expect((await ask(nginx.port)).body).toBe('s1');
  });

  it('sets the mark again that somebody took out', async () => {
    const drain = await open();
    const before = await readFile(nginx.file, 'utf8');
    await drain.start();
    await writeFile(nginx.file, before);
    await nginx.restart();
    expect(await drain.read()).toMatchObject({ clear: false });
    await drain.start();
    expect((await ask(nginx.port)).body).toBe('s2');
  });

  it('fails with what nginx says about a configuration that it cannot load, and makes up for it later', async () => {
    const drain = await open();
    const config = await readFile(nginx.config, 'utf8');
    await writeFile(nginx.config, `${config}nonsense;\n`);
    await expect(drain.start()).rejects.toThrow('unknown directive "nonsense"');
    expect(await drain.read()).toMatchObject({ clear: false });
    await writeFile(nginx.config, config);
    await drain.start();
    expect((await ask(nginx.port)).body).toBe('s2');
  });

  it('does not take an nginx that does not run for one without traffic', async () => {
    const drain = await open();
    await drain.start();
    await writeFile(nginx.pidFile, '999999\n');
    await expect(drain.read()).rejects.toThrow('/proc/999999');
  });

  it('names the file when the server is not in it', async () => {
    await writeFile(nginx.file, '# nothing\n');
    await expect((await open()).start()).rejects.toThrow(`has no line "server ${nginx.server}`);
    expect(existsSync(nginx.file)).toBe(true);
  });
});
