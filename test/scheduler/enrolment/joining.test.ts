import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { AgentKey } from '../../../agent/coordinator/agent-key.ts';
import { SchedulerLink } from '../../../agent/coordinator/scheduler-link.ts';
import { PROTOCOL_VERSION } from '../../../common/protocol/messages.ts';
import { systemClock } from '../../../common/runtime/clock.ts';
import { silentLog } from '../../../common/runtime/log.ts';
import { seededRandom } from '../../../common/runtime/random.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import {
  eventually,
  FakeAgent,
  IN_SERVICE,
  openScheduler,
  vmIdentity,
  type RunningScheduler,
} from '../../support/running-scheduler.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

interface Joining {
  readonly link: SchedulerLink;
  readonly news: string[];
}

describe('a scheduler that wants proof', () => {
  let running: RunningScheduler;
  let clock: FakeClock;

  beforeEach(async () => {
    clock = new FakeClock();
    running = await openScheduler({ enrolmentRequired: true }, clock);
    onTestFinished(async () => {
      await running.scheduler.close();
    });
  });

  const api = async (method: string, where: string, body?: unknown): Promise<{ status: number; body: unknown }> => {
    const response = await fetch(`${running.url}/forewarn/v1/agents/${where}`, {
      method,
      headers: { 'x-forewarn': 'true', 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  };
  const token = async (wanted: Record<string, unknown>): Promise<string> => {
    const answer = await api('POST', 'tokens', wanted);
    return (answer.body as { token: string }).token;
  };
  const join = async (
    folder: string,
    tokenText?: string,
    vmId = 'id-of-web_0',
    keyClock: FakeClock = clock,
  ): Promise<Joining> => {
    const news: string[] = [];
    const link = new SchedulerLink({
      urls: [running.url],
      who: { identity: vmIdentity('web_0', { vmId }), agentVersion: '0.1.0' },
      credentials: {
        key: await AgentKey.open(folder, keyClock),
        token: async () => await Promise.resolve(tokenText),
        trusted: undefined,
      },
      events: {
        connected: () => news.push('connected'),
        disconnected: () => news.push('disconnected'),
        record: () => {},
        order: () => {},
        health: () => IN_SERVICE,
      },
      clock: systemClock,
      random: seededRandom(1),
      log: { ...silentLog, error: (fields: object) => news.push(JSON.stringify(fields)) },
    });
    onTestFinished(() => {
      link.close();
    });
    link.open();
    return { link, news };
  };
  const until = async ({ news }: Joining, wanted: string): Promise<void> => {
    await eventually(async () => await Promise.resolve(news.some((line) => line.includes(wanted))), Boolean);
  };

  it('lets a VM in with a token once, and by its key from then on', async () => {
    const folder = temporaryFolder();
    const oneTime = await token({ scope: 'shop' });
    const first = await join(folder, oneTime);
    await until(first, 'connected');
    first.link.close();
    const again = await join(folder);
    await until(again, 'connected');
    const thief = await join(temporaryFolder(), oneTime, 'id-of-a-thief');
    await until(thief, 'used before');
    expect(statSync(path.join(folder, 'agent-key.json')).mode & 0o777).toBe(0o600);
  });

  it('keeps no token, only its hash', async () => {
    const oneTime = await token({ scope: 'shop' });
    expect(oneTime).toMatch(/^[A-Za-z0-9_-]{43}$/);
    const keys = await api('GET', 'keys');
    expect(JSON.stringify(keys.body)).not.toContain(oneTime);
  });

  it('cuts a VM off the moment that its key is revoked, and lets it in again with a new token', async () => {
    const folder = temporaryFolder();
    const joined = await join(folder, await token({ scope: 'shop', name: 'web_0' }));
    await until(joined, 'connected');
    expect((await api('DELETE', 'keys/shop/WEB_0')).status).toBe(204);
    await until(joined, 'disconnected');
    await until(joined, 'used before');
    joined.link.close();
    expect((await api('DELETE', 'keys/shop/web_0')).status).toBe(404);
    const again = await join(folder, await token({ scope: 'shop' }));
    await until(again, 'connected');
  });

  it('takes a new key when the old one is a month old, and no longer the old one', async () => {
    const folder = temporaryFolder();
    const first = await join(folder, await token({ scope: 'shop' }));
    await until(first, 'connected');
    first.link.close();
    const file = path.join(folder, 'agent-key.json');
    const old = readFileSync(file, 'utf8');
    const second = await join(folder, undefined, 'id-of-web_0', new FakeClock(clock.now() + 31 * 86_400_000));
    await until(second, 'connected');
    await eventually(
      async () => await Promise.resolve(readFileSync(file, 'utf8')),
      (text) => text !== old && !text.includes('"next"'),
    );
    second.link.close();
    const third = await join(folder);
    await until(third, 'connected');
    const keys = (await api('GET', 'keys')).body as { value: { rotatedAt: number | null }[] };
    expect(keys.value).toHaveLength(1);
    expect(keys.value[0]?.rotatedAt).toBe(clock.now());
  });

  it('takes up the new key of an agent that never heard that it was taken', async () => {
    const folder = temporaryFolder();
    const first = await join(folder, await token({ scope: 'shop' }));
    await until(first, 'connected');
    first.link.close();
    const identity = vmIdentity('web_0');
    const key = await AgentKey.open(folder, clock);
    const agent = await FakeAgent.connect(running.url);
    const { nonce } = await agent.next('challenge');
    agent.send({
      kind: 'hello',
      protocol: PROTOCOL_VERSION,
      agentVersion: '1',
      identity,
      health: IN_SERVICE,
      proof: key.prove(nonce, identity),
    });
    await agent.next('welcome');
    agent.send({ kind: 'rotate', proof: await key.beginRotation(nonce, identity) });
    expect(await agent.next('rotated')).toEqual({ kind: 'rotated' });
    agent.socket.terminate();
    // It dies here: its file says that the old key is in use.
    const second = await join(folder);
    await until(second, 'connected');
  });

  it('refuses a signature made for another connection, for another VM, and a key that is none', async () => {
    const folder = temporaryFolder();
    const first = await join(folder, await token({ scope: 'shop' }));
    await until(first, 'connected');
    const key = await AgentKey.open(folder, clock);
    const identity = vmIdentity('web_0');
    const other = vmIdentity('web_1');
    const cases = [
      { identity, proof: () => key.prove('another nonce', identity) },
      { identity: other, proof: (nonce: string) => key.prove(nonce, identity) },
      { identity, proof: () => ({ publicKey: 'no key at all', signature: 'nor this' }) },
    ];
    for (const { identity: claimed, proof } of cases) {
      const agent = await FakeAgent.connect(running.url);
      const { nonce } = await agent.next('challenge');
      agent.send({
        kind: 'hello',
        protocol: PROTOCOL_VERSION,
        agentVersion: '1',
        identity: claimed,
        health: IN_SERVICE,
        proof: proof(nonce),
      });
      expect(await agent.next('refused')).toMatchObject({
        reason: expect.stringContaining('signature'),
        isAboutKey: true,
      });
    }
  });
});
