import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { createMetrics, type AgentMetrics } from '../../../agent/metrics/metrics.ts';
import { createSelfWatch } from '../../../agent/status/watch-itself.ts';
import type { AgentState } from '../../../agent/core/state.ts';
import { silentLog } from '../../../common/runtime/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { event, inRotation } from '../core/bench.ts';

const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

async function rig(state: () => AgentState): Promise<{ metrics: AgentMetrics; clock: FakeClock }> {
  const clock = new FakeClock();
  const metrics = await createMetrics('1.2.3', clock);
  metrics.attach({ state, watch: createSelfWatch('vm_0', clock, silentLog) });
  return { metrics, clock };
}

/** Everything that can be counted happens once. */
async function busy(): Promise<AgentMetrics> {
  const bench = inRotation();
  const { metrics, clock } = await rig(() => bench.state);
  const { witness } = metrics;
  const events = [event({ eventId: 'secret-event', resources: ['vm_0', 'other_vm'] })];
  const poll = { kind: 'poll', result: { kind: 'document', document: { incarnation: 7, events } } } as const;
  bench.observe(poll);
  witness.observed(poll, bench.state);
  witness.observed({ kind: 'poll', result: { kind: 'failed', reason: '500' } }, bench.state);
  witness.observed({ kind: 'posted', token: 1, outcome: 'accepted', detail: '' }, bench.state);
  witness.observed({ kind: 'persist-failed', revision: 1, reason: 'full' }, bench.state);
  const activity = { kind: 'activity', eventId: 'secret-event', detail: '' } as const;
  witness.wanted({ ...activity, activity: 'drain.started' }, bench.state);
  const subject = { eventId: 'secret-event' } as never;
  witness.wanted({ kind: 'hook', key: 'k', phase: 'prepare', subject }, bench.state);
  await clock.advance('3s');
  witness.observed({ kind: 'hook', key: 'k', phase: 'prepare', ok: true, detail: '' }, bench.state);
  witness.wanted({ ...activity, activity: 'drain.proven' }, bench.state);
  witness.wanted({ ...activity, activity: 'drain.failed' }, bench.state);
  witness.wanted({ ...activity, activity: 'approved' }, bench.state);
  metrics.heard({ kind: 'answer', status: 429, etag: undefined, text: '' });
  metrics.notified('dropped');
  const [drain] = metrics.measure([
    {
      name: 'haproxy web/other_vm at /run/h.sock',
      start: async () => {},
      restore: async () => {},
      read: async () => ({ clear: false, count: 3, detail: '' }),
    },
  ]);
  await drain?.read();
  return metrics;
}

describe('the metrics', () => {
  it('count what has happened, and show what is', async () => {
    const lines = (await (await busy()).text()).split('\n');
    for (const line of [
      'forewarn_agent_polls_total{result="document"} 1',
      'forewarn_agent_polls_total{result="failed"} 1',
      'forewarn_agent_rate_limited_total 1',
      'forewarn_agent_document_incarnation 7',
      'forewarn_agent_events{type="Reboot",status="Scheduled"} 1',
      'forewarn_agent_approvals_total{result="accepted"} 1',
      'forewarn_agent_journal_write_failures_total 1',
      'forewarn_agent_drain_duration_seconds_sum 3',
      'forewarn_agent_hook_duration_seconds_sum{phase="prepare",result="ok"} 3',
      'forewarn_agent_drain_failures_total 1',
      'forewarn_agent_approval_lead_seconds_count 1',
      'forewarn_agent_notifications_total{result="dropped"} 1',
      'forewarn_agent_lb_connections{lb="haproxy at /run/h.sock"} 3',
      'forewarn_agent_build_info{version="1.2.3"} 1',
      'forewarn_agent_self_watch_warning{kind="polling-stalled"} 0',
    ])
      expect(lines).toContain(line);
  });

  it('have no names of events or VMs among their labels', async () => {
    const text = await (await busy()).text();
    expect(text).not.toMatch(/secret-event|other_vm|vm_0/);
  });

  it('say when an event names other VMs after its approval', async () => {
    const bench = inRotation();
    const { metrics } = await rig(() => bench.state);
    bench.observe({
      kind: 'poll',
      result: { kind: 'document', document: { incarnation: 1, events: [event({ eventId: 'E1' })] } },
    });
    const changed = { kind: 'activity', activity: 'event.changed', eventId: 'E1', detail: '' } as const;
    metrics.witness.wanted(changed, bench.state);
    expect(await metrics.text()).toContain('forewarn_agent_resources_changed_after_approval_total 0');
    const entry = bench.state.events['E1'] ?? bench.state.events['e1'];
    if (entry !== undefined) entry.promise.approved = true;
    metrics.witness.wanted(changed, bench.state);
    expect(await metrics.text()).toContain('forewarn_agent_resources_changed_after_approval_total 1');
  });

  it('can be asked for before the agent knows its VM', async () => {
    expect(await (await createMetrics('1', new FakeClock())).text()).toContain('forewarn_agent_build_info');
  });

  it.skipIf(!hasPromtool)('please promtool (needs: apt-get install prometheus)', async () => {
    const checked = spawnSync('promtool', ['check', 'metrics'], { input: await (await busy()).text() });
    expect(checked.stdout.toString() + checked.stderr.toString()).toBe('');
    expect(checked.status).toBe(0);
  });
});
