/**
 * Tells one execution to stop, as an `AbortController` does, and costs next to nothing until it is asked for: of thousands of
 * executions a second hardly one is ever interrupted.
 */
export class Interrupt {
  #isRequested = false;
  #listener: (() => void) | undefined;
  #controller: AbortController | undefined;

  /** One that is requested when `signal` aborts, which belongs to the same work and lives no longer. */
  static by(signal: AbortSignal): Interrupt {
    const interrupt = new Interrupt();
    if (signal.aborted) interrupt.request();
    signal.addEventListener(
      'abort',
      () => {
        interrupt.request();
      },
      { once: true },
    );
    return interrupt;
  }

  get isRequested(): boolean {
    return this.#isRequested;
  }

  /** The same for what knows only signals. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#isRequested) this.#controller.abort();
    return this.#controller.signal;
  }

  /** Once; later calls do nothing. */
  request(): void {
    if (this.#isRequested) return;
    this.#isRequested = true;
    this.#controller?.abort();
    this.#listener?.();
  }

  /**
   * Calls `listener` when it is requested, which must not have happened; undefined takes that back. There is one at a time: an
   * execution does one thing after the other.
   */
  listen(listener: (() => void) | undefined): void {
    this.#listener = listener;
  }
}
