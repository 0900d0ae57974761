import { inspect } from 'node:util';
import { z } from 'zod';

/**
 * A text that must not be seen: a password, a certificate's key, a token. It is left out of JSON, so that no answer, history,
 * log or stored definition can hold it by mistake; whoever uses it says so by `reveal`.
 */
export class Secret {
  readonly #open: () => string;

  private constructor(open: () => string) {
    this.#open = open;
  }

  static of(text: string): Secret {
    return new Secret(() => text);
  }

  /** One that is opened when it is used; what `open` throws, `reveal` throws. */
  static sealed(open: () => string): Secret {
    return new Secret(open);
  }

  reveal(): string {
    return this.#open();
  }

  /** Undefined is what `JSON.stringify` leaves out. */
  toJSON(): undefined {
    return undefined;
  }

  toString(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}

/** In a stored definition. */
export const secretSchema = z.custom<Secret>((value) => value instanceof Secret);

/**
 * In a request: text of at most `most` characters, or the secret that is stored already (a PATCH that leaves it alone). What
 * was sent instead is not repeated in the message.
 */
export const secretText = (most: number) =>
  z.unknown().transform((value, context): Secret => {
    if (value instanceof Secret) return value;
    if (typeof value === 'string' && value !== '' && value.length <= most) return Secret.of(value);
    context.addIssue({
      code: 'custom',
      message: `expected text of 1 to ${most} characters (it is a secret, so what was sent is not shown).`,
    });
    return z.NEVER;
  });

/** Secrets in a value, by path; a path is the names on the way to it, joined by slashes. */
export function secretsIn(value: unknown, path = ''): readonly (readonly [string, Secret])[] {
  if (value instanceof Secret) return [[path, value]];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => secretsIn(inner, path === '' ? name : `${path}/${name}`));
}

/** The value with the secrets put back where `secretsIn` found them. */
export function withSecrets(value: unknown, secrets: Iterable<readonly [string, Secret]>): unknown {
  let result = value;
  for (const [path, secret] of secrets) result = placed(result, path.split('/'), secret);
  return result;
}

function placed(value: unknown, [name, ...rest]: readonly string[], secret: Secret): unknown {
  if (name === undefined) return secret;
  const inside = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  const fields: Record<string, unknown> = Object.fromEntries(inside);
  return { ...fields, [name]: placed(fields[name], rest, secret) };
}
