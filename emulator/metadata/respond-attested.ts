import { ANSWERS, jsonAnswer, methodNotAllowed } from './answer.ts';
import type { MetadataCredentials } from './credentials.ts';
import type { InstanceFacts } from './instance.ts';
import { asOf } from './instance-node.ts';
import type { OfferedVersions } from './offered-versions.ts';
import type { Outcome, ParsedRequest } from './respond.ts';
import type { InstanceVersion } from './versions.ts';

/** The first version with attested data (Azure docs, Instance Metadata Service, "Attested data"). */
const FIRST_VERSION: InstanceVersion = '2018-10-01';
/** How long a document counts, as in the documentation's example. */
const VALID_MS = 6 * 3_600_000;
/** The documentation's nonce: up to ten digits. */
const NONCE = /^\d{1,10}$/;

/** `/metadata/attested/document`: who the VM is, signed, so that it can prove it to somebody else. */
export function respondAttested(
  vm: { readonly facts: InstanceFacts; readonly credentials: MetadataCredentials },
  versions: OfferedVersions,
  request: ParsedRequest,
): Outcome {
  const { method, target } = request;
  if (target.segments.length !== 3 || target.segments[2]?.toLowerCase() !== 'document') return ANSWERS.notFound;
  if (method !== 'GET') return methodNotAllowed('GET');
  const version = versions.instance(target.query.get('api-version'));
  if (version === undefined || version < FIRST_VERSION) return versions.badInstance;
  const nonce = target.query.get('nonce');
  if (nonce !== undefined && !NONCE.test(nonce)) return BAD_NONCE;
  return {
    kind: 'later',
    afterMs: 0,
    finish: async () => {
      const content = JSON.stringify(attestedData(vm.facts, version, { nonce, nowMs: vm.credentials.now() }));
      return jsonAnswer(200, { encoding: 'pkcs7', signature: await vm.credentials.signDocument(content) });
    },
  };
}

const BAD_NONCE = jsonAnswer(400, { error: 'Bad request. nonce must be a number of up to 10 digits' });

function attestedData(
  facts: InstanceFacts,
  version: InstanceVersion,
  at: { readonly nonce: string | undefined; readonly nowMs: number },
): unknown {
  const { profile, subscriptionId, vmId } = facts;
  return asOf(version, [
    ['licenseType', '2020-12-01', profile.licenseType],
    // Without one the service takes the time.
    ['nonce', '2018-10-01', at.nonce ?? timeNonce(at.nowMs)],
    ['plan', '2018-10-01', { ...profile.plan }],
    ['sku', '2019-11-01', profile.image.sku],
    ['subscriptionId', '2019-04-30', subscriptionId],
    ['timeStamp', '2018-10-01', { createdOn: usTime(at.nowMs), expiresOn: usTime(at.nowMs + VALID_MS) }],
    ['vmId', '2018-10-01', vmId.toLowerCase()],
  ]);
}

/** `20201130-211924` */
function timeNonce(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
}

/** `11/30/20 21:19:19 -0000` */
function usTime(ms: number): string {
  const iso = new Date(ms).toISOString();
  return `${iso.slice(5, 7)}/${iso.slice(8, 10)}/${iso.slice(2, 4)} ${iso.slice(11, 19)} -0000`;
}
