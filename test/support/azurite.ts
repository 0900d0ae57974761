import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import path from 'node:path';

/** The well-known account of the storage emulator; not a secret. */
const ACCOUNT = 'devstoreaccount1';
const KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

export interface Azurite {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** For a client that shall reach it at another address (a proxy's), give that. */
  connectionString(url?: string): string;
  stop(): Promise<void>;
}

/** Longest it may take on a loaded machine. */
const READY_WITHIN_MS = 40_000;

/** Microsoft's storage emulator as a process of its own, with nothing on disk. Rejects with its output when it does not start. */
export async function startAzurite(service: 'blob' | 'queue'): Promise<Azurite> {
  const program = path.resolve(import.meta.dirname, `../../node_modules/azurite/dist/src/${service}/main.js`);
  const options = [`--${service}Host`, '127.0.0.1', `--${service}Port`, '0', '--inMemoryPersistence'];
  const child = spawn(process.execPath, [program, ...options, '--skipApiVersionCheck', '--disableTelemetry'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => {
    child.on('exit', () => {
      resolve();
    });
  });
  const lines: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => lines.push(line));
  const url = await new Promise<string>((resolve, reject) => {
    const deadline = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`Azurite was not ready within ${READY_WITHIN_MS} ms:\n${lines.join('\n')}`));
    }, READY_WITHIN_MS);
    child.on('exit', (status) => {
      clearTimeout(deadline);
      reject(new Error(`Azurite ended with status ${status}:\n${lines.join('\n')}`));
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line);
      const found = /successfully listens on (http:\S+)/.exec(line)?.[1];
      if (found === undefined) return;
      clearTimeout(deadline);
      resolve(found);
    });
  });
  const endpoint = service === 'blob' ? 'BlobEndpoint' : 'QueueEndpoint';
  return {
    url,
    connectionString: (at = url) =>
      `DefaultEndpointsProtocol=http;AccountName=${ACCOUNT};AccountKey=${KEY};${endpoint}=${at}/${ACCOUNT};`,
    stop: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
