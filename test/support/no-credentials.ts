import type { LinkCredentials } from '../../agent/coordinator/scheduler-link.ts';

/** Of an agent whose scheduler asks nobody for proof. */
export const NO_CREDENTIALS: LinkCredentials = {
  key: undefined,
  token: async () => await Promise.resolve(undefined),
  trusted: undefined,
};
