import { describe, expect, it } from 'vitest';
import { identityOf, learnIdentity } from '../../agent/identity.ts';
import type { InstanceIdentity, InstanceResult } from '../../agent/metadata/instance.ts';
import { silentLog } from '../../common/runtime/log.ts';
import { seededRandom } from '../../common/runtime/random.ts';
import { FakeClock } from '../support/fake-clock.ts';

const instance: InstanceIdentity = {
  name: 'FrontEnd_IN_0',
  vmId: 'v0',
  resourceGroup: 'shop',
  subscription: 'sub',
  updateDomain: '0',
  faultDomain: '1',
  zone: '',
};

describe('which VM this is', () => {
  it('is what the metadata service says, with scope and role as the operator chose', () => {
    expect(identityOf(instance, { role: 'web' })).toMatchObject({
      name: 'FrontEnd_IN_0',
      scope: 'sub/shop',
      role: 'web',
    });
    expect(identityOf(instance, { role: '', scope: 'mine' }).scope).toBe('mine');
  });

  it('may be spelt otherwise in the settings, and is refused when they name another VM', () => {
    expect(identityOf(instance, { role: '', name: '_frontend_in_0' }).name).toBe('FrontEnd_IN_0');
    expect(() => identityOf(instance, { role: '', name: 'FrontEnd_IN_1' })).toThrow(
      'identity.name is "FrontEnd_IN_1", but the metadata service says that this VM is "FrontEnd_IN_0"',
    );
  });

  it('comes from the settings where the service does not know the name, and must come from somewhere', () => {
    expect(identityOf({ ...instance, name: '' }, { role: '', name: 'x' }).name).toBe('x');
    expect(() => identityOf({ ...instance, name: '' }, { role: '' })).toThrow('does not know the name');
  });

  it('is asked until it is known', async () => {
    const clock = new FakeClock();
    const answers: InstanceResult[] = [
      { kind: 'failed', reason: 'a' },
      { kind: 'failed', reason: 'b' },
    ];
    const asked = learnIdentity(
      async () => answers.shift() ?? { kind: 'instance', instance },
      { role: '' },
      { clock, random: seededRandom(1), log: silentLog, signal: new AbortController().signal },
    );
    await clock.advance(3000);
    expect((await asked)?.vmId).toBe('v0');
  });
});
