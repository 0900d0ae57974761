import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { startForewarn, type RunningProgram } from './program.ts';

/** A scheduler in a process of its own, one of several on one PostgreSQL; killed when the test ends, also when it is frozen. */
export async function startReplica(folder: string, name: string, databaseUrl: string): Promise<RunningProgram> {
  const config = path.join(folder, `${name}.yaml`);
  writeFileSync(
    config,
    `listen: 127.0.0.1:0\naccess: { loopback: open }\nreplica: { name: ${name} }\nstore: { postgres: { url: "${databaseUrl}" } }\n`,
  );
  const program = await startForewarn(['scheduler', '--config', config]);
  onTestFinished(async () => {
    program.child.kill('SIGCONT');
    await program.stop('SIGKILL');
  });
  return program;
}
