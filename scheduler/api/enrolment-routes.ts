import type { Express } from 'express';
import { z } from 'zod';
import { MAX_TOKEN_LIFE_MS, type Enrolment } from '../enrolment/enrolment.ts';
import type { AgentKey } from '../enrolment/admission.ts';
import { ApiError } from './api-error.ts';
import { endpoint } from './endpoint.ts';
import { readBody } from './read-body.ts';

const name = z.string().min(1).max(256);

const tokenSchema = z.strictObject({
  scope: name,
  name: name.optional(),
  validSeconds: z
    .int()
    .positive()
    .max(MAX_TOKEN_LIFE_MS / 1000)
    .default(MAX_TOKEN_LIFE_MS / 1000),
});

/** Who may join the fleet: one-time tokens, and the keys that came of them. Times are epoch milliseconds. */
export function addEnrolmentRoutes(app: Express, enrolment: Enrolment): void {
  app.post(
    '/forewarn/v1/agents/tokens',
    endpoint(async (request, response) => {
      const wanted = readBody(tokenSchema, request.body);
      const issued = await enrolment.issue({
        scope: wanted.scope,
        name: wanted.name,
        lifeMs: wanted.validSeconds * 1000,
      });
      response.status(201).json({ token: issued.token, expiresAt: issued.expiresAtMs });
    }),
  );
  app.get(
    '/forewarn/v1/agents/keys',
    endpoint(async (_request, response) => {
      response.json({ value: (await enrolment.keys()).map(keyView) });
    }),
  );
  app.delete(
    '/forewarn/v1/agents/keys/:scope/:name',
    endpoint<{ scope: string; name: string }>(async (request, response) => {
      const { scope, name } = request.params;
      if (!(await enrolment.revoke(scope, name)))
        throw new ApiError(404, 'NotFound', `No key that holds is known for '${name}' of '${scope}'.`);
      response.status(204).end();
    }),
  );
}

function keyView(key: AgentKey): Record<string, unknown> {
  return {
    scope: key.scope,
    name: key.name,
    vmId: key.vmId,
    publicKey: key.publicKey,
    enrolledAt: key.enrolledAtMs,
    rotatedAt: key.rotatedAtMs ?? null,
    revokedAt: key.revokedAtMs ?? null,
  };
}
