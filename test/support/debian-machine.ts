import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A bare Debian in a folder, and the machine that boots from it in containers' clothing: systemd-nspawn, its own network. */
export interface DebianMachine {
  readonly folder: string;
  /** Runs a program in the folder, or in the booted machine when there is one. Throws with its output when it fails. */
  run(program: string, ...parameters: readonly string[]): string;
  /** The same for a text for the shell; the exit status does not matter. */
  shell(text: string): string;
  /** Boots; resolves when systemd says that everything is up. The network is the machine's own and has no way out. */
  boot(): Promise<void>;
  /** Gives the machine's loopback one more address: nobody outside of it can see or reach it. */
  addAddress(address: string): void;
  /** Waits until the machine has gone down by itself. */
  ended(): Promise<void>;
  /** Whatever is left of it ends, and the folder is removed. */
  remove(): Promise<void>;
}

/** Fetched from debootstrap's own mirror once for a machine of the developer; a minute the first time, two seconds from then on. */
const CACHE = path.join(tmpdir(), 'forewarn-test-debian-12.tar');
const UP_WITHIN_MS = 60_000;
const DOWN_WITHIN_MS = 60_000;
const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8' };

/** What is missing for these tests to run here; empty when nothing is. */
export function missingForMachines(): readonly string[] {
  const missing = ['debootstrap', 'systemd-nspawn', 'nsenter', 'ip', 'dpkg-deb'].filter(
    (program) => spawnSync('which', [program]).status !== 0,
  );
  return process.getuid?.() === 0 ? missing : [...missing, 'root'];
}

export function createDebianMachine(): DebianMachine {
  const folder = mkdtempSync(path.join(tmpdir(), 'forewarn-machine-'));
  fetchDebian();
  execFileSync('tar', ['-xf', CACHE, '-C', folder]);
  // The machine lives for a minute: dpkg need not wait for the disk after every file.
  writeFileSync(path.join(folder, 'etc/dpkg/dpkg.cfg.d/test'), 'force-unsafe-io\n');
  let nspawn: ChildProcess | undefined;
  let leader: number | undefined;
  const inside = (parameters: readonly string[]): readonly string[] =>
    leader === undefined
      ? [
          'systemd-nspawn',
          '-q',
          '-D',
          folder,
          '--private-network',
          '--register=no',
          '--keep-unit',
          '--pipe',
          ...parameters,
        ]
      : ['nsenter', '-t', `${leader}`, '-a', ...parameters];
  const run = (program: string, ...parameters: readonly string[]): string => {
    const [command = '', ...rest] = inside([program, ...parameters]);
    const done = spawnSync(command, rest, {
      encoding: 'utf8',
      env: { ...ENVIRONMENT, DEBIAN_FRONTEND: 'noninteractive' },
    });
    if (done.status !== 0)
      throw new Error(`${program} ${parameters.join(' ')}: status ${done.status}\n${done.stdout}${done.stderr}`);
    return done.stdout;
  };
  const end = async (): Promise<void> => {
    const ending = nspawn;
    leader = undefined;
    nspawn = undefined;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    await new Promise((resolve) => {
      ending.on('exit', resolve);
      ending.kill('SIGKILL');
    });
  };
  return {
    folder,
    run,
    shell: (text) => run('sh', '-c', `(${text}) 2>&1 || true`),
    boot: async () => {
      const parameters = [
        '-D',
        folder,
        '--private-network',
        '--register=no',
        '--keep-unit',
        '--boot',
        '--console=pipe',
      ];
      nspawn = spawn('systemd-nspawn', parameters, { stdio: ['ignore', 'ignore', 'ignore'] });
      const pid = nspawn.pid ?? 0;
      await until(UP_WITHIN_MS, 'the machine is up', () => {
        leader = childOf(pid);
        if (leader === undefined) return false;
        const state = spawnSync('nsenter', ['-t', `${leader}`, '-a', 'systemctl', 'is-system-running'], {
          encoding: 'utf8',
          env: ENVIRONMENT,
        });
        return /^(running|degraded)/.test(state.stdout);
      });
    },
    addAddress: (address) => {
      if (leader === undefined) throw new Error('the machine is not up');
      execFileSync('nsenter', ['-t', `${leader}`, '-n', 'ip', 'address', 'add', address, 'dev', 'lo']);
    },
    ended: async () => {
      const ending = nspawn;
      await until(DOWN_WITHIN_MS, 'the machine is down', () => ending?.exitCode !== null || ending.signalCode !== null);
      await end();
    },
    remove: async () => {
      await end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Polls until `isDone`, or throws after `withinMs`. */
export async function until(withinMs: number, what: string, isDone: () => boolean): Promise<void> {
  const endMs = Date.now() + withinMs;
  while (!isDone()) {
    if (Date.now() > endMs) throw new Error(`waited ${withinMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** debootstrap's smallest Debian 12 with systemd, as a file. Renamed into place whole, so that two that make it do no harm. */
function fetchDebian(): void {
  if (existsSync(CACHE)) return;
  const work = mkdtempSync(path.join(tmpdir(), 'forewarn-debian-'));
  try {
    const root = path.join(work, 'root');
    mkdirSync(root);
    execFileSync('debootstrap', ['--variant=minbase', '--include=systemd,systemd-sysv,libstdc++6', 'bookworm', root], {
      stdio: 'ignore',
    });
    rmSync(path.join(root, 'var/cache/apt/archives'), { recursive: true });
    execFileSync('tar', ['-cf', path.join(work, 'root.tar'), '-C', root, '.']);
    renameSync(path.join(work, 'root.tar'), CACHE);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The first process inside: the only child that systemd-nspawn has. */
function childOf(pid: number): number | undefined {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return children === '' ? undefined : Number(children.split(' ')[0]);
  } catch {
    return undefined;
  }
}
