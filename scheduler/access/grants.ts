import { z } from 'zod';

/**
 * What somebody may do, each including those before it: look · run, enable and disable · write and delete · say who may do
 * what. The built-in roles of Azure's access control, and between the first two the one that operators of jobs need.
 */
export const ROLES = ['reader', 'operator', 'contributor', 'owner'] as const;
export type Role = (typeof ROLES)[number];

/** The parts of a resource's id in lower case, as far as it goes: none is everything. */
export type Scope = readonly string[];

export interface Grant {
  readonly role: Role;
  /** `/`, `/subscriptions/S`, `…/resourceGroups/G`, or the id of a job collection. */
  readonly scope: string;
}

const SCOPE =
  /^\/$|^\/subscriptions\/[^/]+(?:\/resourcegroups\/[^/]+(?:\/providers\/microsoft\.scheduler\/jobcollections\/[^/]+)?)?$/i;

export const grantSchema = z.strictObject({
  role: z.enum(ROLES),
  scope: z.string().max(1000).regex(SCOPE, {
    error: 'expected "/", or the id of a subscription, a resource group or a job collection',
  }),
});

export function scopeOf(text: string): Scope {
  return text
    .toLowerCase()
    .split('/')
    .filter((part) => part !== '');
}

/** Whether one of the grants gives `role` on everything in `scope`. */
export function isGranted(grants: readonly Grant[], role: Role, scope: Scope): boolean {
  return grants.some(
    (grant) => ROLES.indexOf(grant.role) >= ROLES.indexOf(role) && isInside(scope, scopeOf(grant.scope)),
  );
}

/** Whether one of them gives it on `scope` or on something in it: such a person may list, and sees what is his. */
export function isGrantedWithin(grants: readonly Grant[], role: Role, scope: Scope): boolean {
  return (
    isGranted(grants, role, scope) ||
    grants.some((grant) => ROLES.indexOf(grant.role) >= ROLES.indexOf(role) && isInside(scopeOf(grant.scope), scope))
  );
}

function isInside(inner: Scope, outer: Scope): boolean {
  return outer.every((part, index) => inner[index] === part);
}
