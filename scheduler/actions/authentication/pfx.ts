import { createPrivateKey, X509Certificate } from 'node:crypto';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { z } from 'zod';
import { systemClock } from '../../../common/runtime/clock.ts';
import { Certificate } from './certificate.ts';

/** A PFX file cannot be used; the message says why, in words for whoever sent it. */
export class BadPfxError extends Error {
  readonly code = 'BAD_PFX';
}

/** A file of usual making takes a tenth of a second. */
const READ_WITHIN_MS = 5000;
/** A whole job is smaller. */
const MAX_PFX_CHARACTERS = 16 * 1024;
/** Threads at a time are one; more files than these wait for nobody. */
const MAX_WAITING = 20;
const MAX_HEAP_MB = 64;

const answerSchema = z.union([
  z.object({ keys: z.array(z.string()), certificates: z.array(z.string()) }),
  z.object({ error: z.string() }),
]);

let waiting = 0;
let last: Promise<unknown> = Promise.resolve();

/** Opens a PFX file in base64. Rejects with a `BadPfxError`. */
export async function readPfx(pfx: string, password: string, withinMs = READ_WITHIN_MS): Promise<Certificate> {
  if (pfx.length > MAX_PFX_CHARACTERS) throw new BadPfxError('is larger than a job may be');
  if (pfx === '' || !/^[A-Za-z0-9+/=\s]*$/.test(pfx)) throw new BadPfxError('is not base64');
  if (waiting >= MAX_WAITING) throw new BadPfxError('cannot be read now, because many others are');
  waiting += 1;
  const turn = last.then(async () => await readInThread(pfx, password, withinMs));
  last = turn.catch(() => {});
  try {
    return await turn;
  } finally {
    waiting -= 1;
  }
}

async function readInThread(pfx: string, password: string, withinMs: number): Promise<Certificate> {
  const here = import.meta.filename;
  const worker = new Worker(path.join(path.dirname(here), `pfx-worker${path.extname(here)}`), {
    workerData: { pfx, password },
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    env: {},
  });
  let cancel = (): void => {};
  try {
    const message = await new Promise<unknown>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', (error) => {
        reject(new BadPfxError('cannot be read', { cause: error }));
      });
      cancel = systemClock.after(withinMs, () => {
        reject(new BadPfxError(`cannot be read within ${withinMs / 1000} s`));
      });
    });
    return certificateOf(answerSchema.parse(message));
  } finally {
    cancel();
    await worker.terminate();
  }
}

function certificateOf(answer: z.output<typeof answerSchema>): Certificate {
  if ('error' in answer) {
    throw new BadPfxError(
      /password|mac/i.test(answer.error) ? 'does not open with the password' : 'is not a PFX file that can be read',
    );
  }
  const [key, ...others] = answer.keys;
  if (key === undefined) throw new BadPfxError('holds no private key');
  if (others.length > 0) throw new BadPfxError('holds more than one private key');
  try {
    const own = createPrivateKey(key);
    const isOfKey = (pem: string): boolean => new X509Certificate(pem).checkPrivateKey(own);
    const leaf = answer.certificates.find(isOfKey);
    if (leaf === undefined) throw new BadPfxError('holds no certificate of its private key');
    return new Certificate(key, [leaf, ...answer.certificates.filter((pem) => pem !== leaf)]);
  } catch (error) {
    throw error instanceof BadPfxError
      ? error
      : new BadPfxError('holds a key or certificate that cannot be used', { cause: error });
  }
}
