import { describe, expect, it } from 'vitest';
import {
  eventually,
  FakeAgent,
  IN_SERVICE,
  openScheduler,
  runningScheduler,
  vmIdentity,
} from '../../support/running-scheduler.ts';
import { apiOf, SHOP, type Body } from '../../support/scheduler-api.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const patch = (fleet: Body = {}): Body => ({
  properties: {
    action: {
      type: 'Fleet',
      fleet: { selector: { role: 'frontend' }, task: 'patch', parameters: { version: '2' }, ...fleet },
    },
  },
});

async function put(url: string, body: Body): Promise<void> {
  const { call } = apiOf(url);
  await call('put', SHOP, {});
  expect((await call('put', `${SHOP}/jobs/patch`, body)).status).toBe(201);
}

async function rollouts(
  url: string,
): Promise<{ id: string; status: string; attempt: number; vms: { name: string; phase: string }[] }[]> {
  return ((await (await fetch(`${url}/forewarn/v1/rollouts`)).json()) as { value: never[] }).value;
}

async function message(url: string): Promise<string> {
  const { call } = apiOf(url);
  const entries = await eventually(
    async () =>
      (await call('get', `${SHOP}/jobs/patch/history`)).body['value'] as { properties: { message: string } }[],
    (list) => list.length > 0,
  );
  return entries[0]?.properties.message ?? '';
}

/** Does the three steps of one VM, as a good agent does. */
async function obey(agent: FakeAgent, attempt = 1): Promise<void> {
  const { workId } = await agent.next('drain');
  agent.send({ kind: 'drained', workId, attempt, proven: true, detail: '' });
  await agent.next('task');
  agent.send({
    kind: 'taskDone',
    workId,
    attempt,
    ok: true,
    exitStatus: 0,
    output: '',
    detail: 'exited with status 0',
  });
  await agent.next('restore');
  agent.send({ kind: 'restored', workId, attempt, healthy: true, detail: '' });
}

describe('a fleet job', () => {
  it('rolls its task over the VMs of the role, one after the other, and tells how it went', async () => {
    const { url } = await runningScheduler();
    const first = await FakeAgent.join(url, vmIdentity('Web_2'));
    const second = await FakeAgent.join(url, vmIdentity('Web_10'));
    const worker = await FakeAgent.join(url, vmIdentity('Worker_0', { role: 'BackEnd' }));
    await put(url, patch({ timeoutSeconds: 5 }));
    const drain = await first.next('drain');
    expect(drain).toMatchObject({ attempt: 1, reason: 'job Shop/patch' });
    expect(drain.untilMs).toBeGreaterThan(Date.now());
    expect(second.received).toEqual([]);
    first.send({ kind: 'drained', workId: drain.workId, attempt: 1, proven: true, detail: '' });
    expect(await first.next('task')).toMatchObject({
      workId: drain.workId,
      task: 'patch',
      parameters: { version: '2' },
      timeoutMs: 5000,
    });
    first.send({ kind: 'taskDone', workId: drain.workId, attempt: 1, ok: true, exitStatus: 0, output: '', detail: '' });
    await first.next('restore');
    expect(second.received).toEqual([]);
    first.send({ kind: 'restored', workId: drain.workId, attempt: 1, healthy: true, detail: '' });
    await obey(second);
    expect(await message(url)).toBe("Fleet Action - task 'patch' 2 done (Web_2, Web_10)");
    const [rollout] = await rollouts(url);
    expect(rollout).toMatchObject({
      status: 'completed',
      vms: [
        { name: 'Web_2', phase: 'done' },
        { name: 'Web_10', phase: 'done' },
      ],
    });
    const found = await fetch(`${url}/forewarn/v1/rollouts/${rollout?.id ?? ''}`);
    expect(await found.json()).toEqual(rollout);
    expect((await fetch(`${url}/forewarn/v1/rollouts/none`)).status).toBe(404);
    expect(worker.received).toEqual([]);
  });

  it('stops when a task fails, puts the VM back and leaves the others alone', async () => {
    const { url } = await runningScheduler();
    const first = await FakeAgent.join(url, vmIdentity('Web_0'));
    const second = await FakeAgent.join(url, vmIdentity('Web_1'));
    await put(url, patch());
    const { workId } = await first.next('drain');
    first.send({ kind: 'drained', workId, attempt: 1, proven: true, detail: '' });
    await first.next('task');
    first.send({
      kind: 'taskDone',
      workId,
      attempt: 1,
      ok: false,
      exitStatus: 3,
      output: 'no space',
      detail: 'exited with status 3',
    });
    await first.next('restore');
    first.send({ kind: 'restored', workId, attempt: 1, healthy: true, detail: '' });
    expect(await message(url)).toBe(
      "Fleet Action - task 'patch' stopped: Web_0: its task failed: exited with status 3; 1 failed (Web_0), 1 skipped (Web_1)",
    );
    expect(second.received).toEqual([]);
  });

  it('waits while an event of the platform has a VM of the role out, and goes on afterwards', async () => {
    const { url } = await runningScheduler();
    const first = await FakeAgent.join(url, vmIdentity('Web_0'));
    const second = await FakeAgent.join(url, vmIdentity('Web_1'));
    second.send({ kind: 'activity', activity: { kind: 'drain.started', atMs: 1, eventId: 'E', detail: 'Reboot' } });
    await eventually(
      async () =>
        ((await (await fetch(`${url}/forewarn/v1/vms`)).json()) as { value: { inRotation: boolean }[] }).value,
      (vms) => vms.some((vm) => !vm.inRotation),
    );
    await put(url, patch({ selector: { names: ['web_0'] } }));
    await eventually(
      async () => await rollouts(url),
      (list) => list.length === 1,
    );
    expect(first.received).toEqual([]);
    second.send({ kind: 'heartbeat', health: IN_SERVICE });
    await obey(first);
    expect(await message(url)).toBe("Fleet Action - task 'patch' 1 done (Web_0)");
  });

  it('gives two jobs one budget', async () => {
    const { url } = await runningScheduler();
    const first = await FakeAgent.join(url, vmIdentity('Web_0'));
    const second = await FakeAgent.join(url, vmIdentity('Web_1'));
    await put(url, patch({ selector: { names: ['Web_0'] } }));
    await apiOf(url).call('put', `${SHOP}/jobs/other`, patch({ selector: { names: ['Web_1'] } }));
    await eventually(
      async () => await rollouts(url),
      (list) => list.length === 2,
    );
    const drain = await first.next('drain');
    expect(second.received).toEqual([]);
    first.send({ kind: 'drained', workId: drain.workId, attempt: 1, proven: false, detail: 'sessions stayed' });
    const { workId } = await first.next('restore');
    expect(second.received).toEqual([]);
    first.send({ kind: 'restored', workId, attempt: 1, healthy: true, detail: '' });
    await obey(second);
  });

  it('sends its command again to an agent that comes back', async () => {
    const { url } = await runningScheduler();
    const before = await FakeAgent.join(url, vmIdentity('Web_0'));
    await put(url, patch());
    const sent = await before.next('drain');
    before.socket.terminate();
    const after = await FakeAgent.join(url, vmIdentity('Web_0'));
    expect(await after.next('drain')).toEqual(sent);
  });

  it('goes on where it was when the scheduler is restarted, under a higher attempt', async () => {
    const store = { kind: 'sqlite' as const, file: `${temporaryFolder()}/store.db` };
    const before = await openScheduler({ store });
    const agent = await FakeAgent.join(before.url, vmIdentity('Web_0'));
    await put(before.url, patch());
    const { workId } = await agent.next('drain');
    agent.send({ kind: 'drained', workId, attempt: 1, proven: true, detail: '' });
    const { idempotencyKey } = await agent.next('task');
    await before.scheduler.close();

    const { url } = await runningScheduler({ store });
    const again = await FakeAgent.join(url, vmIdentity('Web_0'));
    expect(await again.next('task')).toMatchObject({ workId, attempt: 2, idempotencyKey });
    // What the old attempt still says is void.
    again.send({ kind: 'taskDone', workId, attempt: 1, ok: false, exitStatus: 1, output: '', detail: '' });
    again.send({ kind: 'taskDone', workId, attempt: 2, ok: true, exitStatus: 0, output: '', detail: '' });
    await again.next('restore');
    again.send({ kind: 'restored', workId, attempt: 2, healthy: true, detail: '' });
    expect(await message(url)).toBe("Fleet Action - task 'patch' 1 done (Web_0)");
  });

  it('counts the VMs of a rollout that nobody performs now as out', async () => {
    const store = { kind: 'sqlite' as const, file: `${temporaryFolder()}/store.db` };
    const before = await openScheduler({ store });
    await FakeAgent.join(before.url, vmIdentity('Web_1'));
    const agent = await FakeAgent.join(before.url, vmIdentity('Web_0'));
    await put(before.url, patch({ selector: { names: ['Web_0'] } }));
    await agent.next('drain');
    await apiOf(before.url).call('patch', SHOP, { properties: { state: 'Disabled' } });
    await before.scheduler.close();

    const { url } = await runningScheduler({ store });
    const first = await FakeAgent.join(url, vmIdentity('Web_0'));
    const second = await FakeAgent.join(url, vmIdentity('Web_1'));
    const { call } = apiOf(url);
    const other = SHOP.replace('Shop', 'Other');
    await call('put', other, {});
    await call('put', `${other}/jobs/patch`, patch({ selector: { names: ['Web_1'] } }));
    await eventually(
      async () => await rollouts(url),
      (list) => list.length === 2,
    );
    second.send({ kind: 'heartbeat', health: IN_SERVICE });
    await call('get', SHOP);
    expect(second.received).toEqual([]);
    await call('patch', SHOP, { properties: { state: 'Enabled' } });
    await obey(first, 2);
    await obey(second);
  });

  it.each([
    [
      { selector: { role: 'Nobody' } },
      'Fleet Action - No VM with a known agent matches {"role":"Nobody"}; nothing was done.',
    ],
    [{ selector: { names: ['Web_0', 'Web_9'] } }, 'Fleet Action - No agent is known for Web_9; nothing was done.'],
  ])('that selects %j fails and says why', async (fleet, expected) => {
    const { url } = await runningScheduler();
    await FakeAgent.join(url, vmIdentity('Web_0'));
    await put(url, patch(fleet));
    expect(await message(url)).toBe(expected);
  });
});
