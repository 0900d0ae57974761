import { FIRST_IN_RESOURCES } from '../coordinator/first-in-resources.ts';
import { sharesOf, totalOf } from '../core/budget.ts';
import { drainWarnings } from '../drain/warnings.ts';
import type { AgentSettings } from '../settings.ts';
import { SAFE_ABSENCE_MS } from '../settings.ts';
import { decidePolicy } from '../core/policy.ts';
import { policySettings } from '../policy/settings.ts';

/**
 * The shortest notice of each type of event, in milliseconds. Source: Azure docs, Scheduled Events, "The basics" (Terminate:
 * as short as it can be configured).
 */
export const NOTICES: readonly { readonly type: string; readonly noticeMs: number }[] = [
  { type: 'Freeze', noticeMs: 15 * 60_000 },
  { type: 'Reboot', noticeMs: 15 * 60_000 },
  { type: 'Redeploy', noticeMs: 10 * 60_000 },
  { type: 'Terminate', noticeMs: 5 * 60_000 },
  { type: 'Preempt', noticeMs: 30_000 },
];

/** What is allowed and will not work as one may expect; one sentence each, the setting's key first. */
export function warningsFor(settings: AgentSettings): readonly string[] {
  const warnings: string[] = [];
  const policy = policySettings(settings.policy, settings.identity.role);
  const budget = {
    detectionMs: settings.gate?.detection ?? 0,
    drainMs: settings.drain.timeout,
    hooksMs: policy.hooksMs,
    agreementMs: policy.agreementMs,
  };
  for (const { type, noticeMs } of NOTICES) {
    const subject = { eventType: type, source: 'Platform', durationSeconds: -1, description: '', seenAtMs: 0 };
    if (decidePolicy(policy, subject).consequence !== 'drain') continue;
    const { isTight, detail } = sharesOf(budget, noticeMs);
    const key = budget.detectionMs >= noticeMs ? 'gate.detection' : 'policy.budget';
    if (isTight) warnings.push(`${key}: ${type}: ${detail}`);
  }
  if (settings.policy.minimumInService > 0 && settings.scheduler === undefined)
    warnings.push(
      'policy.minimumInService: only a scheduler knows who is in service; without one this VM always leaves at once',
    );
  if (settings.scheduler === undefined && settings.coordinator === undefined)
    warnings.push('scheduler: without it events that name several VMs are never approved, only waited for');
  if (settings.coordinator?.kind === 'first-in-resources') warnings.push(`coordinator: ${FIRST_IN_RESOURCES}`);
  if (settings.events.absentFor < SAFE_ABSENCE_MS)
    warnings.push('events.absentFor: shorter than 10s, an event may be taken for over while it lasts');
  if (settings.hooks !== undefined && settings.hooks.timeout > policy.hooksMs)
    warnings.push(
      'policy.budget.hooks: shorter than one hook may take (hooks.timeout), so a late drain may begin too late',
    );
  if (policy.patienceMs < totalOf(budget))
    warnings.push('policy.patience: shorter than getting ready takes, so this VM may give up before it is ready');
  for (const [index, rule] of policy.rules.entries()) {
    const key = `policy.rules[${index}] (${rule.name})`;
    const { decision } = rule;
    if (Object.keys(rule.match).length === 0 && index < policy.rules.length - 1)
      warnings.push(`${key}: it matches every event, so the rules after it never count`);
    if (decision.approve === 'never' && decision.when !== 'late')
      warnings.push(`${key}: nobody may approve, so leaving early is out for nothing; it leaves late`);
    if (decision.restoreAfterMs !== undefined)
      warnings.push(`${key}: restore after the impact is weaker: a second impact finds the VM in service`);
    if (decision.onFailure === 'approve')
      warnings.push(`${key}: onFailure approve lets an event hit connections that were not drained`);
  }
  return [...warnings, ...drainWarnings(settings, settings.drain.timeout)];
}
