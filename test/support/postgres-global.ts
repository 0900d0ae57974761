import type { TestProject } from 'vitest/node';
import { startPostgres } from './postgres-server.ts';

declare module 'vitest' {
  // eslint-disable-next-line typescript/consistent-type-definitions
  interface ProvidedContext {
    /** Address of the PostgreSQL that the tests of this run share. */
    readonly postgresUrl: string;
  }
}

/** One PostgreSQL for all tests that want one; each makes a database of its own in it. Nobody pulls its plug: no fsync. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startPostgres(['fsync=off', 'max_connections=200']);
  project.provide('postgresUrl', server.url);
  return async () => {
    await server.close();
  };
}
