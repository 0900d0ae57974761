import { systemClock } from './clock.ts';

/**
 * Things that were opened, closed in the reverse order of their opening. `close` runs every closer even when one fails, and
 * then throws what failed; a second call waits for the first.
 */
export class Closers {
  readonly #closers: (() => Promise<void> | void)[] = [];
  #closing: Promise<void> | undefined;

  add(close: () => Promise<void> | void): void {
    this.#closers.push(close);
  }

  async close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    await this.#closing;
  }

  async #closeAll(): Promise<void> {
    const failures: unknown[] = [];
    for (const close of this.#closers.toReversed()) {
      try {
        await close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures);
  }
}

/** A terminal and npm both pass one Ctrl-C on: what comes so soon after the first is the same one. */
const SAME_SIGNAL_MS = 1000;

/**
 * An AbortSignal that aborts at the first SIGINT, SIGTERM or SIGHUP. A second one ends the process at once, for whoever
 * does not want to wait for the orderly end.
 */
export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  let firstMs = 0;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      const nowMs = systemClock.monotonic();
      if (!controller.signal.aborted) {
        firstMs = nowMs;
        controller.abort(new Error(`stopped by ${name}`));
      } else if (nowMs - firstMs >= SAME_SIGNAL_MS) process.exit(130);
    });
  }
  return controller.signal;
}

/**
 * Ends the process at once, with nothing closed: for what has failed in such a way that going on could do harm, and that has
 * been logged. systemd starts a service anew after a status other than 0.
 */
export function endProcess(status: number): void {
  process.exit(status);
}

/** Resolves when `signal` aborts. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener(
      'abort',
      () => {
        resolve();
      },
      { once: true },
    );
  });
}
