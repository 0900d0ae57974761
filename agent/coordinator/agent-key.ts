import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { helloProofText, rotationProofText, type ProvenIdentity } from '../../common/protocol/proof.ts';
import type { HelloProof } from '../../common/protocol/messages.ts';
import { replaceFile } from '../../common/runtime/atomic-file.ts';
import type { Clock } from '../../common/runtime/clock.ts';
import { describeError, UserError } from '../../common/runtime/errors.ts';

const FILE = 'agent-key.json';

const keySchema = z.strictObject({ privateKey: z.string(), madeAtMs: z.number() });
const fileSchema = z.strictObject({
  version: z.literal(1),
  current: keySchema,
  /** A key that the scheduler was asked to take, whose answer never came: it may be the one that holds. */
  next: keySchema.optional(),
});
type Kept = z.output<typeof fileSchema>;

/**
 * The key by which this VM's agent is known to its scheduler. It is made here, kept in the state folder for the agent's user
 * alone, and never leaves the VM.
 */
export class AgentKey {
  readonly #file: string;
  readonly #clock: Clock;
  #kept: Kept;

  private constructor(file: string, clock: Clock, kept: Kept) {
    this.#file = file;
    this.#clock = clock;
    this.#kept = kept;
  }

  /** Reads the key of `stateFolder`, or makes one. Throws a `UserError` when the file is there and cannot be read. */
  static async open(stateFolder: string, clock: Clock): Promise<AgentKey> {
    const file = path.join(stateFolder, FILE);
    const found = await readKept(file);
    if (found !== undefined) return new AgentKey(file, clock, found);
    const key = new AgentKey(file, clock, { version: 1, current: makeKey(clock.now()) });
    await key.#write();
    return key;
  }

  /** How old the key in use is. */
  ageMs(): number {
    return this.#clock.now() - this.#kept.current.madeAtMs;
  }

  /** What `hello` carries. `token` only until the VM is enrolled. */
  prove(nonce: string, identity: ProvenIdentity, token?: string): HelloProof {
    return {
      ...signed(this.#kept.current.privateKey, (key) => helloProofText(nonce, identity, key)),
      ...(token === undefined ? {} : { token }),
    };
  }

  /** Makes a new key and what the scheduler wants to see of it. It is on disk before it is sent anywhere. */
  async beginRotation(nonce: string, identity: ProvenIdentity): Promise<HelloProof> {
    const next = this.#kept.next ?? makeKey(this.#clock.now());
    this.#kept = { ...this.#kept, next };
    await this.#write();
    return signed(next.privateKey, (key) => rotationProofText(nonce, identity, key));
  }

  /** The scheduler has taken the new key. */
  async endRotation(): Promise<void> {
    const { next } = this.#kept;
    if (next === undefined) return;
    this.#kept = { version: 1, current: next };
    await this.#write();
  }

  /**
   * The scheduler does not know the key in use: the next one may have been taken without our hearing of it. True when there
   * was one, which is in use from now on; the old one then waits in its place, in case it was not.
   */
  async tryOther(): Promise<boolean> {
    const { current, next } = this.#kept;
    if (next === undefined) return false;
    this.#kept = { version: 1, current: next, next: current };
    await this.#write();
    return true;
  }

  async #write(): Promise<void> {
    await replaceFile(this.#file, `${JSON.stringify(this.#kept)}\n`, 0o600);
  }
}

async function readKept(file: string): Promise<Kept | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw unreadable(file, describeError(error));
  }
  try {
    const kept = fileSchema.parse(JSON.parse(text));
    readPrivateKey(kept.current.privateKey);
    return kept;
  } catch (error) {
    throw unreadable(file, describeError(error));
  }
}

function unreadable(file: string, reason: string): UserError {
  return new UserError('AGENT_KEY_UNREADABLE', `the key of this agent, ${file}, cannot be used: ${reason}`, {
    hint: 'remove it and enrol the VM anew ("forewarn vms enrol" on the scheduler)',
  });
}

function makeKey(nowMs: number): z.output<typeof keySchema> {
  const { privateKey } = generateKeyPairSync('ed25519');
  return { privateKey: privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64url'), madeAtMs: nowMs };
}

function readPrivateKey(text: string): KeyObject {
  return createPrivateKey({ key: Buffer.from(text, 'base64url'), format: 'der', type: 'pkcs8' });
}

function signed(privateKey: string, textOf: (publicKey: string) => string): HelloProof {
  const key = readPrivateKey(privateKey);
  const publicKey = createPublicKey(key).export({ format: 'der', type: 'spki' }).toString('base64url');
  return { publicKey, signature: sign(null, Buffer.from(textOf(publicKey)), key).toString('base64url') };
}
