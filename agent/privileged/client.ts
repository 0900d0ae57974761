import { connect } from 'node:net';
import type { Clock } from '../../common/runtime/clock.ts';
import { describeError, systemErrorCode } from '../../common/runtime/errors.ts';
import type { HookSubject } from '../core/action.ts';
import type { HookPhase } from '../core/hook-phase.ts';
import type { RunResult } from '../hooks/run-executable.ts';
import type { TaskOrder } from '../hooks/task-order.ts';

/** What the agent asks for; request.ts holds the other side to it. */
export type PrivilegedWish =
  | {
      readonly kind: 'hook';
      readonly phase: HookPhase;
      readonly name: string;
      readonly subject: HookSubject;
      readonly vmName: string;
      readonly timeoutMs: number;
    }
  | {
      readonly kind: 'task';
      readonly order: TaskOrder;
      readonly vmName: string;
      readonly timeoutMs: number;
    }
  | {
      readonly kind: 'action';
      readonly action: string;
      readonly words: readonly string[];
      readonly input: unknown;
      readonly timeoutMs: number;
    };

/** Asks for one thing and resolves with what came of it; never rejects. */
export type AskPrivileged = (wish: PrivilegedWish, signal: AbortSignal) => Promise<RunResult>;

/** The unit ends what takes too long by itself; this is for one that does not even do that (and for the start of it). */
const UNIT_GRACE_MS = 20_000;

/** Output and standard output, escaped, and what is around them. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/** Asks the privileged unit behind `socket`. Whatever goes wrong there is a run that failed. */
export function askPrivilegedUnit(socket: string, clock: Clock): AskPrivileged {
  return async (wish, signal) => {
    // Only whoever has something privileged to run loads what reads the answer.
    const { answerSchema } = await import('./request.ts');
    const text = await exchange(socket, `${JSON.stringify(wish)}\n`, { clock, signal, withinMs: wish.timeoutMs });
    if (typeof text !== 'string') return text;
    try {
      return answerSchema.parse(JSON.parse(text));
    } catch (error) {
      return failed(`the privileged unit at ${socket} gave no answer: ${describeError(error).slice(0, 200)}`);
    }
  };
}

/** For drains: runs the action `action` with `words`, and resolves with what came of it. Never rejects. */
export async function runPrivileged(
  socket: string,
  wish: {
    readonly action: string;
    readonly words: readonly string[];
    readonly input?: unknown;
    readonly timeoutMs: number;
  },
  tools: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<RunResult> {
  const { action, words, input = null, timeoutMs } = wish;
  return await askPrivilegedUnit(socket, tools.clock)(
    { kind: 'action', action, words, input, timeoutMs },
    tools.signal,
  );
}

/** Sends one line and reads until the other side closes; a `RunResult` is a failure. */
async function exchange(
  socket: string,
  line: string,
  limits: { readonly clock: Clock; readonly signal: AbortSignal; readonly withinMs: number },
): Promise<string | RunResult> {
  const { clock, signal } = limits;
  return await new Promise((resolve) => {
    const connection = connect(socket);
    const chunks: Buffer[] = [];
    let length = 0;
    const finish = (result: string | RunResult): void => {
      cancel();
      signal.removeEventListener('abort', onAbort);
      connection.destroy();
      resolve(result);
    };
    const onAbort = (): void => {
      finish(failed('was ended by the agent, which stops or has newer work'));
    };
    const cancel = clock.after(limits.withinMs + UNIT_GRACE_MS, () => {
      finish(failed(`the privileged unit at ${socket} did not answer in time`));
    });
    signal.addEventListener('abort', onAbort, { once: true });
    connection.on('error', (error) => {
      const code = systemErrorCode(error);
      const hint = code === 'ENOENT' || code === 'ECONNREFUSED' ? ' (is forewarn-privileged.socket started?)' : '';
      finish(failed(`the privileged unit cannot be reached: ${describeError(error)}${hint}`));
    });
    connection.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MAX_ANSWER_BYTES) finish(failed('the answer of the privileged unit is too long'));
    });
    connection.on('end', () => {
      finish(Buffer.concat(chunks).toString('utf8'));
    });
    if (signal.aborted) onAbort();
    else connection.write(line);
  });
}

function failed(detail: string): RunResult {
  return { ok: false, exitStatus: null, output: '', stdout: '', detail };
}
