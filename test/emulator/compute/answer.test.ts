import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../common/runtime/random.ts';
import { silentLog } from '../../../common/runtime/log.ts';
import { createActivityFeed } from '../../../emulator/activity.ts';
import { answerCompute, type ComputeAnswer } from '../../../emulator/compute/answer.ts';
import { createOperationLog } from '../../../emulator/compute/operation-log.ts';
import { createNoneHost } from '../../../emulator/hosts/none-host.ts';
import { createPlatformRunner, type PlatformRunner } from '../../../emulator/platform-runner.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import type { ScopeKind } from '../../../emulator/platform/state.ts';
import { EVENT_ID, platform, scheduled } from '../support.ts';

function compute(kind: ScopeKind = 'cloud-service'): {
  runner: PlatformRunner;
  readonly ask: (method: string, target: string, token?: string) => Promise<ComputeAnswer>;
} {
  const clock = new FakeClock();
  const feed = createActivityFeed(() => clock.now());
  const host = createNoneHost(clock, () => {});
  const runner = createPlatformRunner({ initial: platform({}, kind), clock, host, feed, log: silentLog });
  const context = {
    runner,
    random: seededRandom(1),
    operations: createOperationLog(feed, () => clock.now(), undefined),
    location: 'here',
    factsOf: () => ({ size: 'Standard_B2s', tags: { owner: 'me' } }),
    url: () => 'https://127.0.0.1:1',
    rack: { remove: async () => {}, stop: async () => {}, start: async () => {} },
  };
  return {
    runner,
    ask: async (method, target, token = 'Bearer x') =>
      await answerCompute({ method, target, authorization: token }, context),
  };
}

const base = '/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute';

describe('the compute API', () => {
  it('restarts and reimages an instance of a cloud service, paths in any case', async () => {
    const { ask, runner } = compute();
    const paths = ['/cloudServices/SET/roleInstances/web1/Restart', '/cloudservices/set/roleinstances/web2/reimage'];
    for (const path of paths) {
      expect((await ask('POST', `${base.toUpperCase()}${path}?api-version=1`)).status).toBe(202);
    }
    expect(runner.state.scopes.get('set')?.events.map((event) => [event.type, event.resources])).toEqual([
      ['Reboot', ['web1']],
      ['Redeploy', ['web2']],
    ]);
  });

  it('takes the acknowledgement of an event from outside of its VMs', async () => {
    const { ask, runner } = compute('scale-set');
    const schedule = scheduled('Reboot', ['web1', 'web2']);
    runner.submit(schedule);
    const path = (of: string, id: string): string =>
      `${base}/${of}/providers/Microsoft.Maintenance/scheduledEvents/${id}/acknowledge?api-version=1`;
    for (const wrong of [path('virtualMachineScaleSets/other', EVENT_ID), path('virtualMachines/db1', EVENT_ID)]) {
      expect(await ask('POST', wrong)).toMatchObject({ status: 404, body: { error: { code: 'ResourceNotFound' } } });
    }
    const right = path('virtualMachineScaleSets/Set', EVENT_ID.toLowerCase());
    expect((await ask('GET', right)).status).toBe(405);
    expect(runner.state.scopes.get('set')?.events[0]?.life.phase).toBe('scheduled');
    for (let times = 0; times < 2; times++) expect((await ask('POST', right)).status).toBe(200);
    expect(runner.state.scopes.get('set')?.events[0]).toMatchObject({ approvals: [{ by: 'user' }] });
    expect(runner.state.scopes.get('set')?.events[0]?.life.phase).not.toBe('scheduled');
  });

  it.each([
    ['POST', '/virtualMachines/db1/restart?api-version=1', '', 401, 'AuthenticationFailed'],
    ['POST', '/virtualMachines/db1/restart', 'Bearer x', 400, 'MissingApiVersionParameter'],
    ['POST', '/virtualMachines/web1/restart?api-version=1', 'Bearer x', 404, 'ResourceNotFound'],
    ['POST', '/cloudServices/other/roleInstances/web1/restart?api-version=1', 'Bearer x', 404, 'ResourceNotFound'],
    ['POST', '/virtualMachines/db1/explode?api-version=1', 'Bearer x', 405, 'HttpMethodNotAllowed'],
    ['PUT', '/virtualMachines/db1?api-version=1', 'Bearer x', 405, 'HttpMethodNotAllowed'],
    ['DELETE', '/cloudServices/set/roleInstances/web1?api-version=1', 'Bearer x', 409, 'OperationNotAllowed'],
    ['POST', '/cloudServices/set/roleInstances/web1/powerOff?api-version=1', 'Bearer x', 409, 'OperationNotAllowed'],
    ['GET', '/cloudServices/other/roleInstances?api-version=1', 'Bearer x', 404, 'ResourceNotFound'],
    ['GET', '/cloudServices/set/virtualMachines?api-version=1', 'Bearer x', 404, 'NotFound'],
    ['PUT', '/virtualMachines?api-version=1', 'Bearer x', 405, 'HttpMethodNotAllowed'],
    ['GET', '/disks/d?api-version=1', 'Bearer x', 404, 'NotFound'],
    ['GET', '/virtualMachines/%zz?api-version=1', 'Bearer x', 404, 'NotFound'],
  ])('answers %s %s with %j: %i %s', async (...row) => {
    const [method, path, token, status, code] = row;
    const answer = await compute().ask(method, base + path, token);
    expect(answer).toMatchObject({ status, body: { error: { code } } });
  });

  it('shows size and tags, a machine its size among its properties and an instance as its sku', async () => {
    const { ask } = compute('scale-set');
    const machine = await ask('GET', `${base}/virtualMachines/db1?api-version=1`);
    expect(machine.body).toMatchObject({
      tags: { owner: 'me' },
      properties: { hardwareProfile: { vmSize: 'Standard_B2s' } },
    });
    const set = await ask('GET', `${base}/virtualMachineScaleSets/set?api-version=1`);
    expect(set.body).toMatchObject({
      tags: { owner: 'me' },
      sku: { name: 'Standard_B2s', tier: 'Standard', capacity: 3 },
    });
  });
});
