import { canonicalName } from '../common/agreement/names.ts';

/** One text for one VM: the same resource name exists in other scopes, and names are compared in canonical form. */
export function vmKey(scope: string, resourceName: string): string {
  return `${scope}/${canonicalName(resourceName)}`;
}
