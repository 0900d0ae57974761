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
  replicas: ReplicasTable;
  mail: MailTable;
  leave_grants: LeaveGrantsTable;
  agent_keys: AgentKeysTable;
  enrolment_tokens: EnrolmentTokensTable;
  access_users: AccessUsersTable;
  access_tokens: AccessTokensTable;
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
  /** The location as regions are compared. */
  region: string;
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
  /** The secrets of `definition`, which are not in it, each sealed. */
  secrets: string | null;
  /** Name of the key that they are sealed with. */
  secret_key: string | null;
  /** 1 for a job of the action type Fleet, which only one replica may claim. */
  is_fleet: Generated<number>;
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
  /** Who has claimed it: a `replicas.owner`. */
  owner: string | null;
  action: Generated<string>;
  reason: string | null;
}

export interface AgreementsTable {
  scope: string;
  event_id: string;
  version: number;
  phase: string;
  record: string;
  updated_at: number;
  /** The leader's term that is in `record`; never decreases. */
  term: number;
}

export interface VmsTable {
  key: string;
  identity: string;
  agent_version: string;
  inventory: string | null;
  first_seen_at: number;
  last_seen_at: number;
  /** The replica that its agent is connected to, for as long as that lives; null: to none. */
  owner: string | null;
  connection: string | null;
  connected_at: number | null;
  /** What its agent last said over this connection, and when; not every repetition of it. */
  health: string | null;
  health_at: number | null;
}

export interface RolloutsTable {
  id: string;
  status: string;
  started_at: number;
  state: string;
}

/** Schedulers that serve from this database; one whose time is past has died. */
export interface ReplicasTable {
  /** One opening of the store; a replica that restarts is another. */
  owner: string;
  name: string;
  region: string | null;
  started_at: number;
  expires_at: number;
  /** Higher than that of every replica that lived when this one came: the lowest is the home of fleet jobs. */
  number: number;
}

/** Who was let go early, by scope and role. */
export interface LeaveGrantsTable {
  key: string;
  grants: string;
}

/** What one replica has for another; taken out by the one it is for. */
export interface MailTable {
  number: Generated<number>;
  to_owner: string;
  body: string;
}

/** The key by which the agent of one VM proves itself. */
export interface AgentKeysTable {
  scope: string;
  /** Canonical. */
  name: string;
  vm_id: string;
  public_key: string;
  enrolled_at: number;
  rotated_at: number | null;
  revoked_at: number | null;
  /** The newest of the three. */
  changed_at: number;
}

export interface EnrolmentTokensTable {
  /** SHA-256 of the token, which itself is nowhere. */
  hash: string;
  scope: string;
  name: string | null;
  expires_at: number;
  used_at: number | null;
}

/** Who may use the scheduler. */
export interface AccessUsersTable {
  key: string;
  name: string;
  grants: string;
  created_at: number;
}

export interface AccessTokensTable {
  /** SHA-256 of the token, which itself is nowhere. */
  hash: string;
  id: string;
  user_key: string;
  created_at: number;
  expires_at: number | null;
}
