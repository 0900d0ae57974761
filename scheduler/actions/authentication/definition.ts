import { z } from 'zod';
import { secretSchema } from '../../secrets/secret.ts';

/** How an HTTP action proves who it is, as stored. Secrets are not in what is shown (see `Secret`). */
export const authenticationSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('Basic'), username: z.string(), password: secretSchema }),
  z.strictObject({
    type: z.literal('ClientCertificate'),
    /** Key, certificate and chain in PEM, made from the PFX that was sent. */
    certificate: secretSchema,
    /** SHA-1 of the certificate as 40 hex digits: what Windows and Azure show. */
    certificateThumbprint: z.string(),
    certificateSubjectName: z.string(),
    /** The name that the real service answered with, and the one of the published definition. */
    certificateExpiration: z.string(),
    certificateExpirationDate: z.string(),
  }),
  z.strictObject({
    type: z.literal('ActiveDirectoryOAuth'),
    tenant: z.string(),
    audience: z.string(),
    clientId: z.string(),
    secret: secretSchema,
  }),
]);
export type Authentication = z.output<typeof authenticationSchema>;
