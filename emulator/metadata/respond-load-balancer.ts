import { jsonAnswer, methodNotAllowed, type Answer } from './answer.ts';
import type { OfferedVersions } from './offered-versions.ts';
import type { ParsedRequest } from './respond.ts';

/** How the public address of a cloud service leads to one VM. */
export interface LoadBalancing {
  readonly frontendIpAddress: string;
  readonly frontendPort: number;
  readonly backendPort: number;
  readonly privateIpAddress: string;
}

/** The first version with it (Azure docs, "Retrieve load balancer information by using the Instance Metadata Service"). */
const FIRST_VERSION = '2020-10-01';

/** `/metadata/loadbalancer`. Ports are numbers here, unlike everything in `/metadata/instance`. */
export function respondLoadBalancer(
  balancing: LoadBalancing | undefined,
  versions: OfferedVersions,
  request: ParsedRequest,
): Answer {
  const { method, target } = request;
  if (target.segments.length > 2) return NOT_FOUND;
  if (method !== 'GET') return methodNotAllowed('GET');
  const version = versions.instance(target.query.get('api-version'));
  if (version === undefined || version < FIRST_VERSION) return versions.badInstance;
  if (balancing === undefined) return NOT_FOUND;
  const { frontendIpAddress, privateIpAddress, frontendPort, backendPort } = balancing;
  return jsonAnswer(200, {
    loadbalancer: {
      publicIpAddresses: [{ frontendIpAddress, privateIpAddress }],
      inboundRules: [{ frontendIpAddress, protocol: 'tcp', frontendPort, backendPort, privateIpAddress }],
      outboundRules: [],
    },
  });
}

const NOT_FOUND = jsonAnswer(404, { error: 'Load balancer metadata is not found: the VM is behind no public address' });
