import path from 'node:path';
import { z } from 'zod';
import type { Environment } from '../../common/runtime/environment.ts';
import { parseSettings } from '../../common/runtime/settings.ts';
import { roleSchema, type RoleSettings } from '../fleet/fleet-schema.ts';
import { servingRole } from './deployment.ts';

/** A service definition to be uploaded: the text, and the file it is from. */
export interface ServiceDefinition {
  readonly file: string;
  readonly text: string;
}

/** The file of an upload: `roles` as in `cloudService` of a fleet file, nothing else. */
function definitionSchema(isServed: boolean): z.ZodType<{ readonly roles: readonly RoleSettings[] }> {
  return z.strictObject({ roles: z.array(roleSchema).min(1) }).superRefine(({ roles }, context) => {
    const names = roles.map((role) => role.name.toLowerCase());
    if (new Set(names).size < names.length) {
      context.addIssue({ code: 'custom', path: ['roles'], message: 'expected every role under a name of its own' });
    }
    const serving = roles.filter((role) => role.serves !== undefined);
    if (serving.length > 1) {
      const message = 'expected only one role with serves: there is one address';
      context.addIssue({ code: 'custom', path: ['roles'], message });
    }
    if (isServed && servingRole(roles) === undefined) {
      const message = 'expected a role of kind web with serves and probe: the service has a public address';
      context.addIssue({ code: 'custom', path: ['roles'], message });
    }
  });
}

/** Reads a definition. Throws a `SettingsError` that names every problem. */
export function parseDefinition(
  definition: ServiceDefinition,
  options: { readonly environment: Environment; readonly isServed: boolean },
): { readonly roles: readonly RoleSettings[]; readonly workingFolder: string } {
  const { roles } = parseSettings(definition, definitionSchema(options.isServed), options.environment);
  return { roles, workingFolder: path.dirname(path.resolve(definition.file)) };
}
