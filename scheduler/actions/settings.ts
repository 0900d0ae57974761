import { readFileSync } from 'node:fs';
import path from 'node:path';
import { rootCertificates } from 'node:tls';
import { z } from 'zod';
import { describeError, EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';
import { parseRangeOrUndefined, type AddressRange } from './address-guard.ts';

/** Most ranges; more is a network of which everything should be allowed. */
const MAX_RANGES = 1000;
/** More than any chain of redirects that ends. */
const MAX_REDIRECTS = 10;

const range = z.string().transform((text, context): AddressRange => {
  const parsed = parseRangeOrUndefined(text);
  if (parsed !== undefined) return parsed;
  context.addIssue({
    code: 'custom',
    message: `expected an address or range like "10.1.0.0/16" that is not link-local, multicast or Azure's platform address, got ${JSON.stringify(text)}`,
  });
  return z.NEVER;
});

/** A URL of one of `protocols` with a host and nothing else; `name` in braces stands for what the job says. */
const endpoint = (protocols: readonly string[], name: string, mayHavePath: boolean) =>
  z.string().refine(
    (text) => {
      const filled = text.replace(`{${name}}`, 'name');
      if (!URL.canParse(filled)) return false;
      const { protocol, pathname, search, hash, username, hostname } = new URL(filled);
      const hasPath = !['', '/'].includes(pathname);
      return (
        protocols.includes(protocol) &&
        hostname !== '' &&
        `${search}${hash}${username}` === '' &&
        (mayHavePath || !hasPath)
      );
    },
    {
      error: `expected an address that begins with ${protocols.join('// or ')}//, with {${name}} where its name belongs`,
    },
  );

export const httpSchema = z
  .strictObject({
    allowPrivate: z.boolean().default(false),
    allow: z.array(range).max(MAX_RANGES).default([]),
    followRedirects: z.int().min(0).max(MAX_REDIRECTS).default(0),
    authority: z
      .string()
      .regex(/^https:\/\/[^/?#@]+\/?$/, { error: 'expected an https address without a path' })
      .default('https://login.microsoftonline.com'),
    trust: z.string().min(1).optional(),
  })
  .prefault({});

export const storageQueueSchema = z
  .strictObject({
    endpoint: endpoint(['https:', 'http:'], 'account', true).default('https://{account}.queue.core.windows.net'),
  })
  .prefault({});

export const serviceBusSchema = z
  .strictObject({
    amqp: endpoint(['amqps:', 'amqp:'], 'namespace', false).default('amqps://{namespace}.servicebus.windows.net'),
    rest: endpoint(['https:', 'http:'], 'namespace', false).default('https://{namespace}.servicebus.windows.net'),
  })
  .prefault({});

/** What the settings say about actions, beside `http.allowPrivate`. */
export interface ActionSettings {
  /** Private addresses that jobs may call although the rest may not be called. */
  readonly allow: readonly AddressRange[];
  /** How many redirects of one request are followed. */
  readonly followRedirects: number;
  /** Who gives tokens for `ActiveDirectoryOAuth`. */
  readonly authority: string;
  /** PEM certificates that are trusted, the well-known ones among them; undefined: only those. */
  readonly trust: readonly string[] | undefined;
  /** With `{account}` for the storage account. */
  readonly storageQueueEndpoint: string;
  /** With `{namespace}`. */
  readonly serviceBusAmqp: string;
  readonly serviceBusRest: string;
}

/** Throws a `UserError` for a file of certificates that cannot be read. Its name is relative to `folder`. */
export function actionSettingsOf(
  raw: {
    readonly http: z.output<typeof httpSchema>;
    readonly storageQueue: z.output<typeof storageQueueSchema>;
    readonly serviceBus: z.output<typeof serviceBusSchema>;
  },
  folder: string,
): ActionSettings {
  return {
    allow: raw.http.allow,
    followRedirects: raw.http.followRedirects,
    authority: raw.http.authority,
    trust: raw.http.trust === undefined ? undefined : trusted(path.resolve(folder, raw.http.trust)),
    storageQueueEndpoint: raw.storageQueue.endpoint,
    serviceBusAmqp: raw.serviceBus.amqp,
    serviceBusRest: raw.serviceBus.rest,
  };
}

/** The settings of a scheduler that says nothing of them. */
export const DEFAULT_ACTION_SETTINGS: ActionSettings = actionSettingsOf(
  { http: httpSchema.parse({}), storageQueue: storageQueueSchema.parse({}), serviceBus: serviceBusSchema.parse({}) },
  '.',
);

function trusted(file: string): readonly string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UserError('BAD_TRUST_FILE', `http.trust: cannot read ${file}: ${describeError(error)}`, {
      exitStatus: EXIT_USAGE,
      cause: error,
    });
  }
  const found = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (found.length > 0) return [...rootCertificates, ...found];
  throw new UserError('BAD_TRUST_FILE', `http.trust: expected PEM certificates in ${file}`, { exitStatus: EXIT_USAGE });
}
