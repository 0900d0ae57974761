import { z } from 'zod';
import type { CommandContext } from '../common/runtime/command.ts';
import { parseDurationOrUndefined } from '../common/runtime/duration.ts';
import { EXIT_USAGE, UserError } from '../common/runtime/errors.ts';
import { formatTable } from '../common/runtime/terminal.ts';
import { askScheduler, schedulerLocation } from './client.ts';

export interface UserOptions {
  readonly scheduler?: string;
  readonly json?: true;
}

const USERS = '/forewarn/v1/users';

const userSchema = z.object({
  name: z.string(),
  grants: z.array(z.object({ role: z.string(), scope: z.string() })),
  tokens: z.array(z.object({ id: z.string(), expiresAt: z.number().nullable() })),
});
const usersSchema = z.object({ value: z.array(userSchema) });
const issuedSchema = z.object({ id: z.string(), token: z.string(), expiresAt: z.number().nullable() });

export async function listUsers(context: CommandContext, options: UserOptions): Promise<void> {
  const { body } = await askScheduler(schedulerLocation(context, options.scheduler), { method: 'GET', path: USERS });
  const rows = usersSchema
    .parse(body)
    .value.map(({ name, grants, tokens }) => [
      name,
      grants.map(({ role, scope }) => `${role} of ${scope}`).join(', ') || '-',
      tokens.map(({ id, expiresAt }) => `${id}${expiresAt === null ? '' : ` until ${timeOf(expiresAt)}`}`).join(', ') ||
        '-',
    ]);
  print(
    context,
    options,
    body,
    formatTable(['USER', 'MAY', 'TOKENS'], rows, 'no users; there is the owner of the settings'),
  );
}

export async function grantRole(
  context: CommandContext,
  wanted: { readonly name: string; readonly role: string; readonly scope: string },
  options: UserOptions,
): Promise<void> {
  const { name, role, scope } = wanted;
  const grants = await grantsOf(context, name, options);
  const others = grants.filter((grant) => !isSame(grant.scope, scope) || grant.role !== role);
  await putGrants(context, { name, grants: [...others, { role, scope }] }, options);
  print(context, options, wanted, `${name}: ${role} of ${scope}`);
}

export async function takeRoles(
  context: CommandContext,
  from: { readonly name: string; readonly scope: string },
  options: UserOptions,
): Promise<void> {
  const grants = await grantsOf(context, from.name, options);
  const left = grants.filter((grant) => !isSame(grant.scope, from.scope));
  if (left.length === grants.length) {
    throw new UserError('NO_GRANT', `${from.name} has no role on exactly ${from.scope}`, {
      hint: 'forewarn user list shows the scopes',
    });
  }
  await putGrants(context, { name: from.name, grants: left }, options);
  print(context, options, from, `${from.name}: no role on ${from.scope} any more`);
}

/** Prints the token and nothing else, so that it can be sent where it belongs. */
export async function issueUserToken(
  context: CommandContext,
  name: string,
  options: UserOptions & { readonly valid?: string },
): Promise<void> {
  const validMs = options.valid === undefined ? undefined : parseDurationOrUndefined(options.valid);
  if (options.valid !== undefined && (validMs === undefined || validMs < 1000)) {
    throw new UserError('DURATION', `--valid: expected a duration like 8h, got ${JSON.stringify(options.valid)}`, {
      exitStatus: EXIT_USAGE,
    });
  }
  const { body } = await askScheduler(schedulerLocation(context, options.scheduler), {
    method: 'POST',
    path: `${USERS}/${encodeURIComponent(name)}/tokens`,
    body: validMs === undefined ? {} : { validSeconds: Math.floor(validMs / 1000) },
  });
  print(context, options, body, issuedSchema.parse(body).token);
}

export async function revokeToken(
  context: CommandContext,
  token: { readonly name: string; readonly id: string },
  options: UserOptions,
): Promise<void> {
  const path = `${USERS}/${encodeURIComponent(token.name)}/tokens/${encodeURIComponent(token.id)}`;
  await askScheduler(schedulerLocation(context, options.scheduler), { method: 'DELETE', path }, [204]);
  print(context, options, { revoked: token.id }, `the token ${token.id} of ${token.name} does not hold any more`);
}

export async function deleteUser(context: CommandContext, name: string, options: UserOptions): Promise<void> {
  const path = `${USERS}/${encodeURIComponent(name)}`;
  await askScheduler(schedulerLocation(context, options.scheduler), { method: 'DELETE', path }, [204]);
  print(context, options, { deleted: name }, `${name} and all tokens of that name are gone`);
}

type Grants = z.output<typeof userSchema>['grants'];

/** None for a user who is not there yet. */
async function grantsOf(context: CommandContext, name: string, options: UserOptions): Promise<Grants> {
  const path = `${USERS}/${encodeURIComponent(name)}`;
  const found = await askScheduler(schedulerLocation(context, options.scheduler), { method: 'GET', path }, [200, 404]);
  return found.status === 404 ? [] : userSchema.parse(found.body).grants;
}

async function putGrants(
  context: CommandContext,
  { name, grants }: { readonly name: string; readonly grants: Grants },
  options: UserOptions,
): Promise<void> {
  const path = `${USERS}/${encodeURIComponent(name)}`;
  await askScheduler(schedulerLocation(context, options.scheduler), { method: 'PUT', path, body: { grants } });
}

function isSame(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
}

function print(context: CommandContext, options: UserOptions, data: unknown, text: string): void {
  context.terminal.print(options.json ? JSON.stringify(data, null, 2) : text);
}
