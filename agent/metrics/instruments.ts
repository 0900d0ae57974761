import type * as Prometheus from 'prom-client';
import { metricMakers } from '../../common/runtime/metric-makers.ts';

/** From an idle web server to one whose clients keep their connections for minutes. */
const DRAIN_BUCKETS = [0.5, 1, 2, 5, 10, 20, 40, 60, 120, 300, 600, 900];
const HOOK_BUCKETS = [0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];
/** How much of the notice is left; the shortest is 30 s, the usual 15 min. */
const LEAD_BUCKETS = [0, 5, 10, 20, 30, 60, 120, 300, 600, 840, 900];

export type Instruments = ReturnType<typeof createInstruments>;

/**
 * Every metric of the agent with its help. Names of events and VMs are never labels: there is no end to them, and who wants one
 * event asks `forewarn agent events` or the log. What is about approvals says so in its name.
 */
export function createInstruments(prometheus: typeof Prometheus) {
  const { registry, gauge, counter, histogram } = metricMakers(prometheus, 'forewarn_agent');
  return {
    registry,
    lastPoll: gauge('last_successful_poll_timestamp_seconds', 'When events were last read successfully.'),
    polls: counter('polls_total', 'Polls of the metadata service, by what they came to.', ['result']),
    rateLimited: counter('rate_limited_total', 'Answers 429 of the metadata service.'),
    incarnation: gauge('document_incarnation', 'Incarnation of the newest document.'),
    events: gauge('events', 'Events in the newest document that name this VM.', ['type', 'status']),
    drainState: gauge('drain_state', 'Whether balancers send traffic to this VM: 1 for the present state.', ['state']),
    inRotation: gauge('in_rotation', '1 while this VM takes traffic.'),
    ready: gauge('ready', '1 once the past is known: events read, promises reconciled.'),
    drainSeconds: histogram(
      'drain_duration_seconds',
      'From turning traffic away to the proof that none is left.',
      DRAIN_BUCKETS,
    ),
    drainFailures: counter('drain_failures_total', 'Drains that were not proven in time, or whose hook failed.'),
    connections: gauge('lb_connections', 'Sessions or connections that the newest look at a balancer found.', ['lb']),
    hookSeconds: histogram(
      'hook_duration_seconds',
      'How long the hooks of a phase took, with the wait for those before them.',
      HOOK_BUCKETS,
      ['phase', 'result'],
    ),
    approvals: counter('approvals_total', 'Approvals sent by this VM, by what the platform answered.', ['result']),
    approvalLead: histogram(
      'approval_lead_seconds',
      'How much of the notice was left when this VM approved: NotBefore minus approval.',
      LEAD_BUCKETS,
    ),
    grew: counter(
      'resources_changed_after_approval_total',
      'Events that came to name other VMs after their approval was sent.',
    ),
    leader: gauge('approval_leader', '1 while this VM leads the approval of an event.'),
    leaderTerm: gauge('approval_leader_term', 'Highest term of the records that this VM has a part in.'),
    reachable: gauge('coordinator_reachable', '1 while the coordinator of approvals answers.'),
    persistFailures: counter('journal_write_failures_total', 'Promises that could not be written to disk.'),
    warnings: gauge('self_watch_warning', '1 while the agent itself is not well in this way.', ['kind']),
    skew: gauge('clock_skew_seconds', "How far this VM's clock is ahead of its host's."),
    notifications: counter('notifications_total', 'Notifications, by what became of them.', ['result']),
    build: gauge('build_info', 'Version of the agent.', ['version']),
  };
}
