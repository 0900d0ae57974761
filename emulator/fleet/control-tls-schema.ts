import path from 'node:path';
import { z } from 'zod';

const fileSchema = z.string().min(1);

/**
 * The key `controlTls` of a fleet file. `off`: plain HTTP, also beyond loopback, for whoever has a tunnel or a proxy with TLS
 * before it. With `caFile` the emulator's own authority certifies it, and its certificate is written there for the clients.
 */
export const controlTlsSchema = z.union(
  [
    z.literal('off'),
    z.strictObject({ certificate: fileSchema, key: fileSchema }),
    z.strictObject({ caFile: fileSchema }),
  ],
  {
    error: "expected { certificate: FILE, key: FILE } as PEM, { caFile: FILE } for one of the emulator's own, or off",
  },
);

/** How the control API is reached; files are absolute. */
export type ControlTlsSettings =
  | { readonly kind: 'none' }
  | { readonly kind: 'files'; readonly certificate: string; readonly key: string }
  | { readonly kind: 'own'; readonly caFile: string };

export function controlTlsOf(
  settings: z.output<typeof controlTlsSchema> | undefined,
  folder: string,
): ControlTlsSettings {
  if (settings === undefined || settings === 'off') return { kind: 'none' };
  if ('caFile' in settings) return { kind: 'own', caFile: path.resolve(folder, settings.caFile) };
  return {
    kind: 'files',
    certificate: path.resolve(folder, settings.certificate),
    key: path.resolve(folder, settings.key),
  };
}
