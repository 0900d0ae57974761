import { z } from 'zod';

const text = z.string();
const name = text.min(1, { error: 'expected some text, got ""' });

/** A container's name alone (with a connection string), or its address (with the VM's managed identity). */
const CONTAINER_NAME = /^[a-z0-9](?:-?[a-z0-9]){2,62}$/;
const CONTAINER_URL = /^https:\/\/[^/]+\/[a-z0-9](?:-?[a-z0-9]){2,62}$/;

const blobSchema = z
  .strictObject({
    kind: z.literal('blob'),
    container: name,
    connectionStringFile: name.optional(),
    clientId: name.optional(),
    unmanaged: z.array(name).max(1000).default([]),
  })
  .check((context) => {
    const { container, connectionStringFile: file } = context.value;
    const form = file === undefined ? CONTAINER_URL : CONTAINER_NAME;
    if (form.test(container)) return;
    const expected =
      file === undefined
        ? 'the container\'s address, like "https://ACCOUNT.blob.core.windows.net/forewarn", or a connectionStringFile beside its name'
        : "the container's name, 3 to 63 of a-z, 0-9 and single hyphens";
    context.issues.push({
      code: 'custom',
      input: container,
      path: ['container'],
      message: `expected ${expected}, got ${JSON.stringify(container)}`,
    });
  });

/**
 * Who keeps the records by which VMs agree on an event that names several of them, where that is not the scheduler:
 * an Azure Storage container, or nobody.
 */
export const coordinatorSchema = z.discriminatedUnion('kind', [
  blobSchema,
  z.strictObject({ kind: z.literal('first-in-resources') }),
]);

/** The validated setting. */
export type CoordinatorSettings = z.output<typeof coordinatorSchema>;
