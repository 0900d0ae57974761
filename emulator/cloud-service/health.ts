/** What the balancer thinks of an instance. */
export interface Health {
  readonly isUp: boolean;
  /** Probes in a row that said the opposite of `isUp`. */
  readonly against: number;
}

/** An instance gets no connections before its probe has answered often enough. */
export const INITIAL_HEALTH: Health = { isUp: false, against: 0 };

/**
 * After one more probe. The threshold counts for both directions: so many equal results in a row allow, or deny, new
 * connections (Azure REST, Load Balancer, `probeThreshold`).
 */
export function afterProbe(health: Health, hasAnswered: boolean, threshold: number): Health {
  if (hasAnswered === health.isUp) return health.against === 0 ? health : { isUp: health.isUp, against: 0 };
  const against = health.against + 1;
  return against >= threshold ? { isUp: hasAnswered, against: 0 } : { isUp: health.isUp, against };
}

/** What a connection is known by: the addresses and ports of both ends. The protocol, fifth of the tuple, is always TCP. */
export interface FlowTuple {
  readonly sourceAddress: string;
  readonly sourcePort: number;
  readonly targetAddress: string;
  readonly targetPort: number;
}

/**
 * Which of `candidates` (their number) takes a new connection: by a hash over the tuple, as Azure does (Azure docs, Load
 * Balancer distribution modes, five-tuple hash). FNV-1a with a final mix, so that neighbouring source ports spread.
 */
export function chooseByHash(flow: FlowTuple, candidates: number): number {
  let hash = 0x811c9dc5;
  const text = `${flow.sourceAddress} ${flow.sourcePort} ${flow.targetAddress} ${flow.targetPort} tcp`;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % candidates;
}
