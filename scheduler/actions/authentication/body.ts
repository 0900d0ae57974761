import { z } from 'zod';
import { secretSchema, secretText } from '../../secrets/secret.ts';
import type { Authentication } from './definition.ts';
import { Certificate } from './certificate.ts';

/** Longest user name or secret; servers refuse longer headers. */
const MAX_CHARACTERS = 2048;

const TYPES = ['Basic', 'ClientCertificate', 'ActiveDirectoryOAuth'] as const;

/** Shown with a certificate and sent back by clients that change a job they have read; what is stored counts. */
const echoed = z.unknown().optional();

const schemas = {
  Basic: z.strictObject({
    type: z.literal('Basic'),
    // RFC 7617: a colon would be where the password begins.
    username: z
      .string()
      .min(1)
      .max(MAX_CHARACTERS)
      .regex(/^[^:]*$/, { error: 'expected a user name without a colon.' }),
    password: secretText(MAX_CHARACTERS),
  }),
  ClientCertificate: z
    .strictObject({
      type: z.literal('ClientCertificate'),
      pfx: z.instanceof(Certificate, { error: 'expected a PFX file in base64, with its password.' }).optional(),
      password: echoed,
      certificate: secretSchema.optional(),
      certificateThumbprint: z.string().optional(),
      certificateSubjectName: z.string().optional(),
      certificateExpiration: z.string().optional(),
      certificateExpirationDate: echoed,
    })
    .transform((value, context): Extract<Authentication, { type: 'ClientCertificate' }> => {
      const { type, pfx, certificate, certificateThumbprint, certificateSubjectName, certificateExpiration } = value;
      if (pfx !== undefined) return { type, ...pfx.shown(), certificate: pfx.secret };
      if (certificate && certificateThumbprint && certificateSubjectName !== undefined && certificateExpiration) {
        const expiration = { certificateExpiration, certificateExpirationDate: certificateExpiration };
        return { type, certificate, certificateThumbprint, certificateSubjectName, ...expiration };
      }
      context.addIssue({ code: 'custom', path: ['pfx'], message: 'expected a PFX file in base64, with its password.' });
      return z.NEVER;
    }),
  ActiveDirectoryOAuth: z.strictObject({
    type: z.literal('ActiveDirectoryOAuth'),
    // It becomes a part of the token endpoint's path.
    tenant: z
      .string()
      .max(253)
      .regex(/^[A-Za-z0-9][A-Za-z0-9.-]*$/, { error: 'expected the id or the domain of a tenant.' }),
    audience: z
      .string()
      .max(MAX_CHARACTERS)
      .regex(/^[\x21-\x7e]+$/, { error: 'expected the address or the id of what the token is for.' }),
    clientId: z
      .string()
      .max(256)
      .regex(/^[\x21-\x7e]+$/, { error: 'expected the id of the client.' }),
    secret: secretText(MAX_CHARACTERS),
  }),
} as const;

/**
 * `authentication` in a request ("Scheduler Outbound Authentication"); undefined for the type NotSpecified. No message repeats
 * anything but the type: the rest may be a secret in the wrong place.
 */
export const authenticationBodySchema = z
  .record(z.string(), z.unknown(), { error: 'expected an object.' })
  .transform((value, context): Authentication | undefined => {
    const given = value['type'];
    const isType = (type: string): boolean => typeof given === 'string' && given.toLowerCase() === type.toLowerCase();
    if (isType('NotSpecified')) return undefined;
    const type = TYPES.find(isType);
    if (type === undefined) {
      const got = typeof given === 'string' ? `, got '${given.slice(0, 100)}'` : '';
      context.addIssue({ code: 'custom', path: ['type'], message: `expected one of ${TYPES.join(', ')}${got}.` });
      return z.NEVER;
    }
    const parsed = schemas[type].safeParse({ ...value, type });
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) {
      const message =
        issue.code === 'unrecognized_keys'
          ? `the field ${issue.keys.map((key) => `'${key}'`).join(', ')} has no meaning for ${type}.`
          : issue.code === 'custom' || issue.code === 'invalid_format'
            ? issue.message
            : 'expected text that is neither empty nor too long.';
      context.addIssue({ code: 'custom', path: [...issue.path], message });
    }
    return z.NEVER;
  });
