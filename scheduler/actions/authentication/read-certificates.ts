import { badRequest } from '../../api/api-error.ts';
import { BadPfxError, readPfx } from './pfx.ts';

/** Where a job may have an authentication, by the names on the way to it. */
const PLACES = [
  ['properties', 'action', 'request', 'authentication'],
  ['properties', 'action', 'errorAction', 'request', 'authentication'],
];

/** What the service itself says about a certificate; a client cannot change it without sending another. */
const DERIVED = [
  'certificate',
  'certificateThumbprint',
  'certificateSubjectName',
  'certificateExpiration',
  'certificateExpirationDate',
];

/**
 * The body of a PUT or PATCH with each PFX file opened: it takes too long, and may take for ever, to be done where the job is
 * checked. Throws an `ApiError` (400) that names the field.
 */
export async function withCertificatesRead(body: unknown): Promise<unknown> {
  let result = body;
  for (const place of PLACES) result = await changedAt(result, place, place);
  return result;
}

async function changedAt(
  value: unknown,
  [name, ...rest]: readonly string[],
  place: readonly string[],
): Promise<unknown> {
  if (!isRecord(value)) return value;
  if (name === undefined) return await opened(value, place.join('.'));
  if (!isRecord(value[name])) return value;
  return { ...value, [name]: await changedAt(value[name], rest, place) };
}

async function opened(authentication: Readonly<Record<string, unknown>>, field: string): Promise<unknown> {
  const sent = Object.fromEntries(Object.entries(authentication).filter(([name]) => !DERIVED.includes(name)));
  const { pfx, password, ...rest } = sent;
  // Anything else of these is refused where the job is checked.
  if (typeof pfx !== 'string') return sent;
  if (typeof password !== 'string') throw badRequest(`The field '${field}.password' is required to open the PFX file.`);
  try {
    return { ...rest, pfx: await readPfx(pfx, password) };
  } catch (error) {
    if (error instanceof BadPfxError) throw badRequest(`The field '${field}.pfx' is not valid: it ${error.message}.`);
    throw error;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
