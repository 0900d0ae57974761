import type * as Prometheus from 'prom-client';
import { metricMakers } from '../../common/runtime/metric-makers.ts';

/** From a request to a server next door to work of a day (`LONG_WORK_MS`). */
const WORK_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600, 86_400];
/** From the few milliseconds that are promised to what a replica's death costs. */
const LAG_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
/** From a commit on a fast disk to the time limit of a statement. */
const STORE_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export type Instruments = ReturnType<typeof createInstruments>;

/**
 * Every metric of the scheduler with its help. Names of jobs, collections and VMs are never labels: there is no end to them, and
 * who wants one job asks for its history.
 */
export function createInstruments(prometheus: typeof Prometheus) {
  const { registry, gauge, counter, histogram } = metricMakers(prometheus, 'forewarn_scheduler');
  return {
    registry,
    build: gauge('build_info', 'Version of the scheduler.', ['version']),
    jobsDue: gauge(
      'jobs_due',
      'Jobs of enabled collections whose time has come and that nobody has claimed; of all replicas.',
    ),
    executions: gauge('executions_unfinished', 'Executions that are not over, of all replicas, by how far they are.', [
      'state',
    ]),
    claims: counter('claims_total', 'Executions that this replica has claimed.'),
    running: gauge('executions_running', 'Actions that this replica is performing.'),
    performed: counter('executions_total', 'Actions that this replica has performed, by type and outcome.', [
      'type',
      'outcome',
    ]),
    postponed: counter('postponed_total', 'Entries in histories of what was not run, by reason.', ['reason']),
    retries: counter('retries_total', 'Actions that were performed again because the last try had failed.'),
    repeats: counter('repeats_total', 'Actions that were begun again because whoever had begun them was gone.'),
    lag: histogram('start_lag_seconds', 'How long after its time the action of an occurrence was begun.', LAG_BUCKETS),
    duration: histogram('execution_duration_seconds', 'How long actions took.', WORK_BUCKETS, ['type']),
    storeSeconds: histogram('store_duration_seconds', 'How long the store took.', STORE_BUCKETS, ['operation']),
    storeFailures: counter('store_failures_total', 'What the store could not do.', ['operation']),
    takenOver: counter(
      'executions_taken_over_total',
      'Executions of dead replicas that this one has made pending again.',
    ),
    lostLeases: counter('leases_lost_total', 'How often this replica was taken for dead by another.'),
    replicas: gauge('replicas', 'Replicas that live, this one among them.'),
    agents: gauge('agents_connected', 'Agents that are connected to this replica.'),
    vms: gauge('vms', 'VMs whose agents have ever been connected, and were not forgotten since.'),
    refusals: counter('agent_refusals_total', 'Commands and connections of agents that were refused, by reason.', [
      'reason',
    ]),
    requests: counter('api_requests_total', 'Requests to the API, by class of their status.', ['status']),
  };
}
