import type { DrainSettings } from './settings.ts';

/** What of the drains is allowed and will not work as one may expect; one sentence each, the setting's key first. */
export function drainWarnings(settings: DrainSettings, drainTimeoutMs: number): readonly string[] {
  const warnings: string[] = [];
  const { gate, haproxy, nginx, units, commands, webhooks, connections } = settings;
  const seesTraffic = [haproxy, nginx, units, commands, webhooks.filter(({ read }) => read !== undefined)];
  const isTurnedAway = gate !== undefined || webhooks.length > 0 || seesTraffic.some((list) => list.length > 0);
  if (isTurnedAway && connections === undefined) {
    warnings.push(
      seesTraffic.some((list) => list.length > 0)
        ? 'connections: without it a balancer that was reloaded hides the connections of its old process'
        : 'connections: without it nothing sees whether traffic is left; a drain only waits for gate.detection',
    );
  }
  for (const [index, { maintAfter, shutdownAfter }] of haproxy.entries()) {
    const key = `haproxy[${index}]`;
    const withinMs = (gate?.detection ?? 0) + drainTimeoutMs;
    if (shutdownAfter !== 'never' && shutdownAfter >= withinMs)
      warnings.push(
        `${key}.shutdownAfter: longer than a drain may take (drain.timeout), so WebSockets fail the first one`,
      );
    if (shutdownAfter !== 'never' && (maintAfter === 'never' || maintAfter > shutdownAfter))
      warnings.push(
        `${key}.maintAfter: later than shutdownAfter, so sessions are cut while new ones with a cookie still come`,
      );
  }
  return warnings;
}
