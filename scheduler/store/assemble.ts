import { createAccessStore } from './access.ts';
import { createAgreementStore, type AgreementOptions } from './agreements.ts';
import { readBacklog } from './backlog.ts';
import { createEnrolmentStore } from './enrolment.ts';
import { createExecutionStore } from './executions.ts';
import { createFleetStore } from './fleet.ts';
import { createGrantStore } from './grants.ts';
import { createJobStore } from './jobs.ts';
import { createReplicaStore } from './replicas.ts';
import { createRolloutStore } from './rollouts.ts';
import { createSecretStore } from './secrets.ts';
import type { SqlStore } from './sql.ts';
import type { Store } from './store.ts';
import { createVmStore } from './vms.ts';

/** The parts of a store over one database. */
export function assembleStore(store: SqlStore, agreements: AgreementOptions): Omit<Store, 'subscribe' | 'close'> {
  return {
    clock: store.clock,
    isShared: store.dialect === 'postgres',
    backlog: async () => await readBacklog(store),
    jobs: createJobStore(store),
    executions: createExecutionStore(store),
    agreements: createAgreementStore(store, agreements),
    vms: createVmStore(store),
    rollouts: createRolloutStore(store),
    replicas: createReplicaStore(store),
    fleet: createFleetStore(store),
    grants: createGrantStore(store),
    enrolment: createEnrolmentStore(store),
    secrets: createSecretStore(store),
    access: createAccessStore(store),
  };
}
