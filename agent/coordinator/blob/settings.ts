import { readFile } from 'node:fs/promises';
import { describeError, UserError } from '../../../common/runtime/errors.ts';
import type { CoordinatorSettings } from '../settings.ts';

/** How the container of the records is reached: with a connection string, or as the VM's own managed identity. */
export type BlobSettings =
  | { readonly connectionString: string; readonly container: string }
  | {
      /** Of the container: `https://ACCOUNT.blob.core.windows.net/CONTAINER`. */
      readonly url: string;
      /** Of a user-assigned identity; the system-assigned one without. */
      readonly clientId: string | undefined;
    };

/** Reads the secret that the settings point to. Throws a `UserError` that names the file and what is wrong with it. */
export async function resolveBlobSettings(
  settings: Extract<CoordinatorSettings, { kind: 'blob' }>,
): Promise<BlobSettings> {
  const { container, connectionStringFile: file, clientId } = settings;
  if (file === undefined) return { url: container, clientId };
  const text = await readSecret(file);
  if (!/(^|;)BlobEndpoint=|(^|;)AccountName=|^UseDevelopmentStorage=true/.test(text)) {
    throw new UserError(
      'SECRET_UNREADABLE',
      `coordinator.connectionStringFile: ${file} holds no connection string; expected "…;AccountName=…;AccountKey=…"`,
      { hint: 'copy it from the storage account, "Access keys"' },
    );
  }
  return { connectionString: text, container };
}

async function readSecret(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    throw new UserError(
      'SECRET_UNREADABLE',
      `coordinator.connectionStringFile: cannot read ${file}: ${describeError(error)}`,
      { hint: "it must be readable for the agent's user; under systemd, give it with LoadCredential=" },
    );
  }
}
