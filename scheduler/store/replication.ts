/** How the database is replicated, as its operator says: no query can tell what a fail-over would lose. */
export const REPLICATIONS = ['none', 'synchronous', 'asynchronous'] as const;
export type Replication = (typeof REPLICATIONS)[number];
