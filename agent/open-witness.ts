import type { AgentMetrics } from './metrics/metrics.ts';
import type { AgentTools } from './tools.ts';
import { allWitnesses, type Witness } from './witness.ts';

/** Who hears what the agent decides: what is not asked for by the settings is not loaded. */
export async function openWitness(tools: AgentTools, metrics: AgentMetrics | undefined): Promise<Witness> {
  const { settings } = tools;
  const witnesses: Witness[] = metrics === undefined ? [] : [metrics.witness];
  if (settings.notifications.length > 0) {
    const [{ notifyReceivers }, { openReceivers }] = await Promise.all([
      import('./notifications/notifications.ts'),
      import('./notifications/open-receivers.ts'),
    ]);
    const receivers = await openReceivers(settings.notifications, tools.environment);
    witnesses.push(
      notifyReceivers(receivers, {
        ...tools,
        role: settings.identity.role,
        log: tools.log.child({ part: 'notifications' }),
        counted: (result) => metrics?.notified(result),
      }),
    );
  }
  return allWitnesses(witnesses);
}
