import type { Express } from 'express';
import { z } from 'zod';
import type { Access } from '../access/access.ts';
import type { AccessStore, AccessToken, AccessUser } from '../access/access-store.ts';
import { grantSchema } from '../access/grants.ts';
import { principalOf } from './access-guard.ts';
import { ApiError, badRequest } from './api-error.ts';
import { endpoint } from './endpoint.ts';
import type { ApiParts } from './parts.ts';
import { readBody } from './read-body.ts';

const USERS = '/forewarn/v1/users';
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.@-]{0,99}$/;
/** What the audit log calls those who have no user. */
const RESERVED = new Set(['owner', 'local']);
const MAX_GRANTS = 100;
const MAX_TOKEN_DAYS = 3650;

const userSchema = z.strictObject({ grants: z.array(grantSchema).max(MAX_GRANTS) });
const tokenSchema = z.strictObject({
  validSeconds: z
    .int()
    .positive()
    .max(MAX_TOKEN_DAYS * 86_400)
    .optional(),
});

/** Who may do what: the portal's "Users" as an API. Times are epoch milliseconds. Every change is logged with who made it. */
export function addUserRoutes(app: Express, { store, access, clock, log }: ApiParts): void {
  app.get('/forewarn/v1/me', (request, response) => {
    const { name, grants } = principalOf(request);
    response.json({ name, grants });
  });
  app.get(
    USERS,
    endpoint(async (_request, response) => {
      const users = await store.access.users();
      response.json({ value: await Promise.all(users.map(async (user) => await userView(store.access, user))) });
    }),
  );
  app.get(
    `${USERS}/:name`,
    endpoint<{ name: string }>(async (request, response) => {
      response.json(await userView(store.access, await needUser(store.access, request.params.name)));
    }),
  );
  app.put(
    `${USERS}/:name`,
    endpoint<{ name: string }>(async (request, response) => {
      const { name } = request.params;
      if (!NAME.test(name) || RESERVED.has(name.toLowerCase())) {
        throw badRequest(
          `The name '${name}' is not valid: expected up to 100 letters, digits, dots, dashes, underscores and at signs that begin with a letter or digit, and neither owner nor local.`,
        );
      }
      const { grants } = readBody(userSchema, request.body);
      const isNew = await store.access.putUser({ name, grants, createdAtMs: clock.now() });
      access.revoked();
      log.info({ by: principalOf(request).name, user: name, grants }, 'access changed');
      response.status(isNew ? 201 : 200).json(await userView(store.access, await needUser(store.access, name)));
    }),
  );
  app.delete(
    `${USERS}/:name`,
    endpoint<{ name: string }>(async (request, response) => {
      const { name } = request.params;
      if (!(await store.access.deleteUser(name))) throw userNotFound(name);
      access.revoked();
      log.info({ by: principalOf(request).name, user: name }, 'access taken away');
      response.status(204).end();
    }),
  );
  addTokenRoutes(app, { store, access, log });
}

function addTokenRoutes(
  app: Express,
  { store, access, log }: Pick<ApiParts, 'store' | 'log'> & { readonly access: Access },
): void {
  app.post(
    `${USERS}/:name/tokens`,
    endpoint<{ name: string }>(async (request, response) => {
      const { name } = request.params;
      const { validSeconds } = readBody(tokenSchema, request.body ?? {});
      const issued = await access.issue(name, validSeconds === undefined ? undefined : validSeconds * 1000);
      if (issued === undefined) throw userNotFound(name);
      log.info({ by: principalOf(request).name, user: name, token: issued.id }, 'token issued');
      response.status(201).json({ ...tokenView(issued), token: issued.text });
    }),
  );
  app.delete(
    `${USERS}/:name/tokens/:id`,
    endpoint<{ name: string; id: string }>(async (request, response) => {
      const { name, id } = request.params;
      if (!(await store.access.deleteToken(name, id)))
        throw new ApiError(404, 'NotFound', `User '${name}' has no token '${id}'.`);
      access.revoked();
      log.info({ by: principalOf(request).name, user: name, token: id }, 'token revoked');
      response.status(204).end();
    }),
  );
}

async function needUser(store: AccessStore, name: string): Promise<AccessUser> {
  const found = (await store.users()).find((user) => user.name.toLowerCase() === name.toLowerCase());
  if (found === undefined) throw userNotFound(name);
  return found;
}

function userNotFound(name: string): ApiError {
  return new ApiError(404, 'NotFound', `User '${name}' cannot be found.`);
}

async function userView(store: AccessStore, user: AccessUser): Promise<Record<string, unknown>> {
  const tokens = await store.tokens(user.name);
  return { name: user.name, grants: user.grants, createdAt: user.createdAtMs, tokens: tokens.map(tokenView) };
}

function tokenView(token: AccessToken): Record<string, unknown> {
  return { id: token.id, createdAt: token.createdAtMs, expiresAt: token.expiresAtMs ?? null };
}
