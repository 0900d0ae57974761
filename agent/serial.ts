/**
 * Runs pieces of work one after the other in the order of their calls; the failure of one goes to its caller and does not
 * keep the next from running.
 */
export function createSerial(): <Result>(work: () => Promise<Result>) => Promise<Result> {
  let tail: Promise<unknown> = Promise.resolve();
  return async (work) => {
    const before = tail;
    const run = async (): ReturnType<typeof work> => {
      try {
        await before;
      } catch {
        // Its own caller has been told.
      }
      return await work();
    };
    const result = run();
    tail = result;
    return await result;
  };
}
