import { askMetadata } from './http.ts';

/** What the VM learns about itself. Missing values are empty, as the service gives them. */
export interface InstanceIdentity {
  readonly name: string;
  readonly vmId: string;
  readonly resourceGroup: string;
  readonly subscription: string;
  readonly updateDomain: string;
  readonly faultDomain: string;
  readonly zone: string;
}

export type InstanceResult =
  | { readonly kind: 'instance'; readonly instance: InstanceIdentity }
  | { readonly kind: 'failed'; readonly reason: string };

/** Newest first. Every field we read exists since 2017-12-01; regions and sovereign clouds lag behind. */
const INSTANCE_API_VERSIONS = ['2021-02-01', '2019-06-01', '2017-12-01'] as const;

/** The service answers from the host; an answer that takes longer is no answer. */
const TIMEOUT_MS = 5000;

/** Asks the metadata service who this VM is. Source: Azure docs, Instance Metadata Service, compute category. */
export async function readInstance(endpoint: string, signal?: AbortSignal): Promise<InstanceResult> {
  let reason = '';
  for (const version of INSTANCE_API_VERSIONS) {
    const url = new URL(`/metadata/instance/compute?api-version=${version}&format=json`, endpoint);
    const answer = await askMetadata({ method: 'GET', url, timeoutMs: TIMEOUT_MS, signal });
    if (answer.kind === 'failed') return answer;
    reason = `the metadata service answered ${answer.status} to a question about this VM`;
    if (answer.status === 400) continue;
    return answer.status === 200 ? parseInstance(answer.text) : { kind: 'failed', reason };
  }
  return { kind: 'failed', reason };
}

function parseInstance(text: string): InstanceResult {
  let compute: unknown;
  try {
    compute = JSON.parse(text);
  } catch {
    return { kind: 'failed', reason: 'what the metadata service says about this VM is no JSON' };
  }
  const field = (key: string): string => {
    if (typeof compute !== 'object' || compute === null) return '';
    const value: unknown = Reflect.get(compute, key);
    return typeof value === 'string' ? value : '';
  };
  const vmId = field('vmId');
  if (vmId === '') return { kind: 'failed', reason: 'the metadata service does not say the vmId of this VM' };
  return {
    kind: 'instance',
    instance: {
      name: field('name'),
      vmId,
      resourceGroup: field('resourceGroupName'),
      subscription: field('subscriptionId'),
      updateDomain: field('platformUpdateDomain'),
      faultDomain: field('platformFaultDomain'),
      zone: field('zone'),
    },
  };
}
