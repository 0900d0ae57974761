import type { Generated } from 'kysely';

/**
 * The tables, one text for every SQL store. Times are epoch milliseconds in integers; whatever is read only as a whole is
 * JSON, parsed by the schema of its kind when read. Keys are canonical, names as first written.
 */
export interface Tables {
  collections: CollectionsTable;
  jobs: JobsTable;
  executions: ExecutionsTable;
  agreements: AgreementsTable;
  vms: VmsTable;
  rollouts: RolloutsTable;
}

export interface CollectionsTable {
  key: string;
  subscription: string;
  resource_group: string;
  name: string;
  location: string;
  tags: string | null;
  sku: string;
  quota: string | null;
  state: string;
  created_at: number;
}

export interface JobsTable {
  id: string;
  collection_key: string;
  key: string;
  name: string;
  definition: string;
  state: string;
  anchor_at: number;
  next_at: number | null;
  made: number;
  execution_count: number;
  failure_count: number;
  faulted_count: number;
  last_execution_at: number | null;
}

export interface ExecutionsTable {
  number: Generated<number>;
  id: string;
  job_id: string;
  due_at: number;
  repeat_number: number;
  retry_number: number;
  attempt: number;
  status: string;
  run_at: number;
  started_at: number | null;
  ended_at: number | null;
  message: string;
  idempotency_key: string;
  by_hand: number;
}

export interface AgreementsTable {
  scope: string;
  event_id: string;
  version: number;
  phase: string;
  record: string;
  updated_at: number;
}

export interface VmsTable {
  key: string;
  identity: string;
  agent_version: string;
  inventory: string | null;
  first_seen_at: number;
  last_seen_at: number;
}

export interface RolloutsTable {
  id: string;
  status: string;
  started_at: number;
  state: string;
}
