import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Readable } from 'node:stream';
import type { Clock } from '../../common/runtime/clock.ts';
import type { Environment } from '../../common/runtime/environment.ts';
import { UserError } from '../../common/runtime/errors.ts';
import { canListProcesses, processesOf, signalProcess, startTimeOf } from './vm-processes.ts';
import { openConsole, readRecord, writeRecord, type VmFolder } from './vm-folder.ts';

/** What a VM of the process host runs. */
export interface HostedVmPlan {
  readonly name: string;
  /** Commands by name, each a program and its arguments, ready to be started. */
  readonly run: Readonly<Record<string, readonly string[]>>;
  /** Environment of all of them; made when it is asked for, because ten thousand copies of a whole one are megabytes. */
  environment(): Environment;
  /** Program and arguments that start what follows them where the VM is; empty = on this machine. */
  readonly launcher: readonly string[];
  /** Working folder of all of them. */
  readonly workingFolder: string;
}

export interface HostedVmOptions {
  readonly plan: HostedVmPlan;
  readonly folder: VmFolder;
  readonly clock: Clock;
  /** The Node.js program that runs init. */
  readonly nodeFile: string;
  /** Where the kernel tells of processes; /proc unless a test says otherwise. */
  readonly proc?: string;
  /** Init ended although nobody asked for it. */
  onCrash(): void;
}

/** Init says so once it runs; a machine under heavy load needs seconds to start a process. */
const BOOT_LIMIT_MS = 15_000;
/** Init's answer to `freeze`. Without it the VM is frozen all the same, and may start a failed command meanwhile. */
const FREEZE_ANSWER_LIMIT_MS = 1000;
/** A killed process that cannot go at once is in a system call; after this it is left to the kernel. */
const KILL_LIMIT_MS = 3000;
const KILL_POLL_MS = 10;
/** Rounds of looking for processes that were started between looking and stopping; two is what it usually takes. */
const MAX_ROUNDS = 50;

/** One VM as processes: a session led by its init. Methods must not overlap; the host sees to that. */
export class HostedVm {
  readonly #options: HostedVmOptions;
  readonly #environmentEntry: string;
  #init: ChildProcess | undefined;
  #words: ((word: string) => void)[] = [];

  constructor(options: HostedVmOptions) {
    this.#options = options;
    this.#environmentEntry = `FOREWARN_VM_DISK=${options.folder.disk}`;
  }

  /** Process id of init while the VM runs. */
  get pid(): number | undefined {
    return this.#init?.pid;
  }

  /** Ends what an earlier emulator over the same folder left behind. Returns how many processes there were. */
  async endLeftovers(): Promise<number> {
    const { init } = await readRecord(this.#options.folder);
    const isSame = init !== undefined && startTimeOf(init.pid) === init.startTime;
    return await this.#killAll(isSame ? init.pid : undefined);
  }

  /** Starts init and through it the commands. Returns the number of this boot, from 1. */
  async boot(): Promise<number> {
    const { plan, folder } = this.#options;
    const record = await readRecord(folder);
    const boots = record.boots + 1;
    const output = await openConsole(folder);
    let init: ChildProcess;
    try {
      const [program, ...words] = [...plan.launcher, this.#options.nodeFile];
      init = spawn(
        program ?? this.#options.nodeFile,
        [...words, ...INIT_FLAGS, initFile(), this.#environmentEntry, JSON.stringify(plan.run)],
        {
          cwd: plan.workingFolder,
          // A session of its own: the VM's processes are told from all others by it.
          detached: true,
          env: {
            ...plan.environment(),
            FOREWARN_VM_DISK: folder.disk,
            FOREWARN_VM_TEMP: folder.temp,
            FOREWARN_VM_BOOT: `${boots}`,
          },
          stdio: ['pipe', output.fd, output.fd, 'pipe'],
        },
      );
    } finally {
      await output.close();
    }
    this.#init = init;
    // Init may be killed while something is written to it; its exit is what counts.
    init.stdin?.on('error', () => {});
    init.once('exit', () => {
      if (this.#init !== init) return;
      this.#init = undefined;
      this.#options.onCrash();
    });
    await this.#untilReady(init);
    if (init.pid !== undefined) {
      const startTime = startTimeOf(init.pid) ?? '';
      await writeRecord(folder, { boots, init: { pid: init.pid, startTime } });
    }
    return boots;
  }

  /** Stops every process of the VM. They keep their memory, files and connections, and do not notice. */
  async freeze(): Promise<void> {
    const init = this.#init;
    if (init?.pid === undefined) return;
    const frozen = this.#nextWord('frozen');
    init.stdin?.write('freeze\n');
    const waiting = new AbortController();
    await Promise.race([frozen, this.#options.clock.sleep(FREEZE_ANSWER_LIMIT_MS, waiting.signal)]);
    waiting.abort();
    if (canListProcesses(this.#options.proc)) this.#stopAll(init.pid, new Set([init.pid]));
    else signalProcess(-init.pid, 'SIGSTOP');
  }

  thaw(): void {
    const init = this.#init;
    if (init?.pid === undefined) return;
    if (!canListProcesses(this.#options.proc)) signalProcess(-init.pid, 'SIGCONT');
    for (const pid of this.#members(init.pid)) signalProcess(pid, 'SIGCONT');
    init.stdin?.write('thaw\n');
  }

  /** As when the power goes: nothing of the VM is told, and nothing is left. */
  async kill(): Promise<void> {
    const init = this.#init;
    this.#init = undefined;
    await this.#killAll(init?.pid);
    init?.stdin?.destroy();
  }

  async #killAll(initPid: number | undefined): Promise<number> {
    // Stopped first: otherwise a process that lives a moment longer sees the others die, and acts on it.
    const seen = this.#stopAll(initPid, new Set());
    for (const pid of seen) signalProcess(pid, 'SIGKILL');
    if (initPid !== undefined) signalProcess(-initPid, 'SIGKILL');
    const deadlineMs = this.#options.clock.monotonic() + KILL_LIMIT_MS;
    for (;;) {
      const left = this.#members(initPid);
      if (left.length === 0 || this.#options.clock.monotonic() > deadlineMs) return seen.size;
      for (const pid of left) signalProcess(pid, 'SIGKILL');
      await this.#options.clock.sleep(KILL_POLL_MS);
    }
  }

  /** Sends SIGSTOP until no process of the VM is left that did not get one. Returns those that did. */
  #stopAll(initPid: number | undefined, except: ReadonlySet<number>): ReadonlySet<number> {
    const stopped = new Set<number>();
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const fresh = this.#members(initPid).filter((pid) => !stopped.has(pid) && !except.has(pid));
      if (fresh.length === 0) break;
      for (const pid of fresh) {
        signalProcess(pid, 'SIGSTOP');
        stopped.add(pid);
      }
    }
    return stopped;
  }

  #members(initPid: number | undefined): readonly number[] {
    return processesOf({ initPid, environmentEntry: this.#environmentEntry }, process.pid, this.#options.proc);
  }

  async #untilReady(init: ChildProcess): Promise<void> {
    const reports = init.stdio[3];
    if (!isReadable(reports)) throw new Error('the init of a VM was started without its report pipe');
    reports.on('error', () => {});
    this.#words = [];
    const ready = this.#nextWord('ready');
    const failed = new Promise<'failed'>((resolve) => {
      init.once('error', () => {
        resolve('failed');
      });
      init.once('exit', () => {
        resolve('failed');
      });
    });
    createInterface({ input: reports }).on('line', (word) => {
      for (const listener of this.#words) listener(word);
    });
    const waiting = new AbortController();
    const outcome = await Promise.race([ready, failed, this.#options.clock.sleep(BOOT_LIMIT_MS, waiting.signal)]);
    waiting.abort();
    if (outcome === 'ready') return;
    this.#init = undefined;
    await this.#killAll(init.pid);
    const how = outcome === 'failed' ? 'at all' : `within ${BOOT_LIMIT_MS} ms`;
    throw new UserError('VM_BOOT_FAILED', `VM ${this.#options.plan.name} did not come up ${how}`, {
      hint: `its console says more: ${this.#options.folder.consoleFile}`,
    });
  }

  async #nextWord(wanted: string): Promise<'ready'> {
    return await new Promise((resolve) => {
      const listener = (word: string): void => {
        if (word !== wanted) return;
        this.#words = this.#words.filter((other) => other !== listener);
        resolve('ready');
      };
      this.#words.push(listener);
    });
  }
}

/** Init needs next to no memory; there is one for every VM. */
const INIT_FLAGS = ['--max-semi-space-size=1', '--disable-warning=ExperimentalWarning'];

/** Beside this file, and like it TypeScript or, in the published package, JavaScript. */
function initFile(): string {
  const here = fileURLToPath(import.meta.url);
  return path.join(path.dirname(here), `vm-init${path.extname(here)}`);
}

function isReadable(stream: unknown): stream is Readable {
  return typeof stream === 'object' && stream !== null && 'readable' in stream && 'pipe' in stream;
}
