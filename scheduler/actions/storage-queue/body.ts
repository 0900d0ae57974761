import { z } from 'zod';
import { secretText } from '../../secrets/secret.ts';
import { MAX_MESSAGE_CHARACTERS } from '../message-limits.ts';

/** A token of a policy has 200 characters, one of a user's delegation twice as many. */
const MAX_TOKEN_CHARACTERS = 2048;

/** `queueMessage` in a request. Names as Azure Storage has them: they become parts of a URL. */
export const queueMessageBodySchema = z.strictObject({
  storageAccount: z.string().regex(/^[a-z0-9]{3,24}$/, {
    error: 'expected the name of a storage account: 3 to 24 lower-case letters and digits.',
  }),
  queueName: z.string().regex(/^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*$/, {
    error: 'expected the name of a queue: 3 to 63 lower-case letters, digits and single dashes.',
  }),
  sasToken: secretText(MAX_TOKEN_CHARACTERS),
  message: z
    .string()
    .max(MAX_MESSAGE_CHARACTERS)
    // The message travels in XML 1.0, which has no way to write the others (XML 1.0, 2.2).
    .regex(/^[\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u, {
      error: 'expected text without control characters.',
    }),
});
