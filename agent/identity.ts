import { canonicalName } from '../common/agreement/names.ts';
import type { VmIdentity } from '../common/protocol/messages.ts';
import { backoffMs } from '../common/runtime/backoff.ts';
import type { Clock } from '../common/runtime/clock.ts';
import { UserError } from '../common/runtime/errors.ts';
import type { Log } from '../common/runtime/log.ts';
import type { RandomSource } from '../common/runtime/random.ts';
import type { InstanceIdentity, InstanceResult } from './metadata/instance.ts';
import type { AgentSettings } from './settings.ts';

/** The service is on the same host: it is asked again soon, and not so often that its limit (5 requests a second) is met. */
const RETRY = { baseMs: 500, maxMs: 5000 };

/**
 * Learns who this VM is, asking until the metadata service says so; undefined when `signal` aborted first. Throws a
 * `UserError` when the settings name another VM than the service does: an agent must never promise in another's name.
 */
export async function learnIdentity(
  readInstance: () => Promise<InstanceResult>,
  chosen: AgentSettings['identity'],
  tools: { readonly clock: Clock; readonly random: RandomSource; readonly log: Log; readonly signal: AbortSignal },
): Promise<VmIdentity | undefined> {
  for (let attempt = 0; !tools.signal.aborted; attempt++) {
    const result = await readInstance();
    if (result.kind === 'instance') return identityOf(result.instance, chosen);
    if (attempt === 0) tools.log.warn({ reason: result.reason }, 'cannot learn yet which VM this is');
    await tools.clock.sleep(backoffMs(attempt, RETRY, tools.random.fraction()), tools.signal);
  }
  return undefined;
}

/** What the service says, completed by the settings and never contradicted by them. */
export function identityOf(instance: InstanceIdentity, chosen: AgentSettings['identity']): VmIdentity {
  if (
    chosen.name !== undefined &&
    instance.name !== '' &&
    canonicalName(chosen.name) !== canonicalName(instance.name)
  ) {
    throw new UserError(
      'IDENTITY_CONTRADICTED',
      `identity.name is ${JSON.stringify(chosen.name)}, but the metadata service says that this VM is ${JSON.stringify(instance.name)}`,
      { hint: 'leave identity.name out; it is for VMs whose name the service does not know', exitStatus: 2 },
    );
  }
  const name = instance.name === '' ? chosen.name : instance.name;
  if (name === undefined) {
    throw new UserError('IDENTITY_UNKNOWN', 'the metadata service does not know the name of this VM', {
      hint: 'set identity.name to the name that events use for it',
      exitStatus: 2,
    });
  }
  const place = [instance.subscription, instance.resourceGroup].filter((part) => part !== '').join('/');
  return {
    // Without a word about it, VMs that could be named together are those of one resource group.
    scope: chosen.scope ?? (place === '' ? instance.vmId : place),
    name,
    vmId: instance.vmId,
    role: chosen.role,
    updateDomain: instance.updateDomain,
    faultDomain: instance.faultDomain,
    zone: instance.zone,
  };
}
