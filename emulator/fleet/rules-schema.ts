import { z } from 'zod';
import type { PlatformRules } from '../platform/state.ts';

/** The key `rules` of a fleet file: where Azure's documents have changed, or leave the choice to the customer. */
export const rulesSchema = z.strictObject({
  /** `several` lets one event name VMs of more than one update domain, as a customer of Azure once saw. */
  updateDomainsPerEvent: z.enum(['one', 'several']).default('one'),
  /** Most user-initiated operations at once; 0 = any number. The preview of 2017 allowed 10. */
  userOperations: z.int().min(0).max(100_000).default(0),
  /** Scopes whose user-initiated Reboot and Redeploy are approved by policy: they appear Started at once. */
  autoApprove: z.array(z.string().min(1)).default([]),
});
export type RulesSettings = z.output<typeof rulesSchema>;

/** `autoApproving`: the scopes that `autoApprove` means. */
export function rulesOf(settings: RulesSettings, autoApproving: readonly string[]): PlatformRules {
  return {
    allowsSeveralUpdateDomains: settings.updateDomainsPerEvent === 'several',
    maxUserOperations: settings.userOperations === 0 ? undefined : settings.userOperations,
    autoApprovingScopes: new Set(autoApproving),
  };
}
