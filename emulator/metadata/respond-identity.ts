import { ANSWERS, badVersion, jsonAnswer, methodNotAllowed, type Answer } from './answer.ts';
import type { ManagedIdentity, MetadataCredentials } from './credentials.ts';
import type { OfferedVersions } from './offered-versions.ts';
import type { Outcome, ParsedRequest } from './respond.ts';
import { INSTANCE_VERSIONS } from './versions.ts';

/** The managed identities of a VM. */
export interface IdentityService {
  readonly credentials: MetadataCredentials;
  readonly tenantId: string;
  /** The system-assigned one first; tokens are for it when the request names none. */
  readonly identities: readonly ManagedIdentity[];
}

/** The first version with tokens (Azure docs, "How to use managed identities … to acquire an access token"). */
const FIRST_VERSION = '2018-02-01';
/** An hour, of which the service says one second less. */
const TOKEN_LIFE_SECONDS = 3600;
/** How long a client may go on with an expired token while the service is away; as captured. */
const EXTENDED_LIFE_SECONDS = 262_800;

/** `/metadata/identity/oauth2/token` and `/metadata/identity/info` */
export function respondIdentity(service: IdentityService, versions: OfferedVersions, request: ParsedRequest): Outcome {
  const { method, target } = request;
  // This endpoint has an error of its own for it, unlike all others.
  if (!request.hasHeader) return identityError('bad_request_102', 'Required metadata header not specified');
  const path = target.segments.slice(2).join('/').toLowerCase();
  if (path !== 'oauth2/token' && path !== 'info') return ANSWERS.notFound;
  if (method !== 'GET') return methodNotAllowed('GET');
  const version = versions.instance(target.query.get('api-version'));
  if (version === undefined || version < FIRST_VERSION) return BAD_VERSION;
  return path === 'info' ? jsonAnswer(200, { tenantId: service.tenantId }) : respondToken(service, target.query);
}

function respondToken(service: IdentityService, query: ReadonlyMap<string, string>): Outcome {
  const resource = query.get('resource') ?? '';
  if (resource === '') return RESOURCE_MISSING;
  const named = NAMES.filter(([parameter]) => query.has(parameter));
  if (named.length > 1) return AMBIGUOUS_IDENTITY;
  const [first] = named;
  const identity =
    first === undefined
      ? service.identities[0]
      : service.identities.find((known) => sameText(known[first[1]], query.get(first[0])));
  if (identity === undefined) return IDENTITY_NOT_FOUND;
  return { kind: 'later', afterMs: 0, finish: async () => await tokenFor(service, identity, resource) };
}

/** By what a request may name an identity, and what that is compared with. */
const NAMES = [
  ['client_id', 'clientId'],
  ['object_id', 'objectId'],
  ['msi_res_id', 'resourceId'],
  ['mi_res_id', 'resourceId'],
] as const satisfies readonly (readonly [string, keyof ManagedIdentity])[];

function sameText(known: string, wanted: string | undefined): boolean {
  return known.toLowerCase() === wanted?.toLowerCase();
}

async function tokenFor(service: IdentityService, identity: ManagedIdentity, resource: string): Promise<Answer> {
  const { credentials, tenantId } = service;
  const notBefore = Math.floor(credentials.now() / 1000);
  const expiresOn = notBefore + TOKEN_LIFE_SECONDS;
  const issuer = `https://sts.windows.net/${tenantId}/`;
  const accessToken = await credentials.signToken({
    aud: resource,
    iss: issuer,
    iat: notBefore,
    nbf: notBefore,
    exp: expiresOn,
    appid: identity.clientId,
    appidacr: '2',
    idp: issuer,
    idtyp: 'app',
    oid: identity.objectId,
    sub: identity.objectId,
    tid: tenantId,
    ver: '1.0',
    xms_mirid: identity.resourceId,
  });
  // Every value a text, the figures too.
  return jsonAnswer(200, {
    access_token: accessToken,
    client_id: identity.clientId,
    expires_in: `${TOKEN_LIFE_SECONDS - 1}`,
    expires_on: `${expiresOn}`,
    ext_expires_in: `${EXTENDED_LIFE_SECONDS}`,
    not_before: `${notBefore}`,
    resource,
    token_type: 'Bearer',
  });
}

function identityError(error: string, description: string, status = 400): Answer {
  return jsonAnswer(status, { error, error_description: description });
}

/** More than the VM may ask for at once or in a second; in the form of this endpoint's errors. */
export const TOO_MANY_TOKENS = identityError('too_many_requests', 'Too many requests', 429);

const BAD_VERSION = badVersion(INSTANCE_VERSIONS);
const RESOURCE_MISSING = identityError('invalid_request', "Required query variable 'resource' is missing");
const IDENTITY_NOT_FOUND = identityError('invalid_request', 'Identity not found');
const AMBIGUOUS_IDENTITY = identityError(
  'invalid_request',
  'Only one of client_id, object_id and msi_res_id may be given',
);
