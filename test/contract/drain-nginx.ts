import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'vitest';
import { portOf, startApplication, stop } from './drain-haproxy.ts';
import { freePort } from '../support/free-port.ts';

export const NGINX = '/usr/sbin/nginx';
const hasNginx = existsSync(NGINX);

/** In CI a missing nginx is a failure: the tests must not turn green by not running. */
export const runsNginx = hasNginx || process.env['CI'] === 'true';

export interface RunningNginx {
  readonly folder: string;
  /** What the upstream includes: the line of the first application. */
  readonly file: string;
  readonly config: string;
  readonly pidFile: string;
  readonly port: number;
  /** Address of the first application, as it is in the file. */
  readonly server: string;
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** nginx over two applications; the second only takes what the first does not. */
export async function startNginx(): Promise<RunningNginx> {
  if (!hasNginx) throw new Error('nginx is missing: apt-get install nginx');
  const folder = await mkdtemp(path.join(tmpdir(), 'forewarn-nginx-'));
  const [first, second] = [await startApplication('s1'), await startApplication('s2')];
  const port = await freePort();
  const server = `127.0.0.1:${portOf(first)}`;
  const [file, config, pidFile] = ['web.conf', 'nginx.conf', 'nginx.pid'].map((name) => path.join(folder, name)) as [
    string,
    string,
    string,
  ];
  await writeFile(file, `# this VM\nserver ${server} max_fails=0;\n`);
  await writeFile(
    config,
    `pid ${pidFile};
error_log ${folder}/error.log;
worker_processes 2;
events { worker_connections 64; }
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join('\n  ')}
  upstream web { include ${file}; server 127.0.0.1:${portOf(second)} backup; }
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://web; proxy_buffering off; }
  }
}
`,
  );
  execFileSync(NGINX, ['-t', '-q', '-c', config], { stdio: 'pipe' });
  const launch = async (): Promise<ReturnType<typeof spawn>> => {
    const started = spawn(NGINX, ['-c', config, '-g', 'daemon off;'], { stdio: 'ignore' });
    const isUp = (): boolean => existsSync(pidFile) && Number(readFileSync(pidFile, 'utf8')) === started.pid;
    await expect.poll(isUp, { timeout: 10_000, interval: 10 }).toBe(true);
    return started;
  };
  let child = await launch();
  const end = async (): Promise<void> => {
    // SIGTERM is nginx's fast end: its workers go with it.
    child.kill('SIGTERM');
    await once(child, 'exit');
  };
  return {
    folder,
    file,
    config,
    pidFile,
    port,
    server,
    restart: async () => {
      await end();
      child = await launch();
    },
    close: async () => {
      await end();
      await stop(first);
      await stop(second);
      await rm(folder, { recursive: true });
    },
  };
}
