import type { Express } from 'express';
import { z } from 'zod';
import { COMPUTE_VERBS } from '../compute/target.ts';
import type { Operations } from './operations.ts';
import { parseBody } from './parse-body.ts';

const nameSchema = z.string().min(1).max(256);

/** Body of `POST /events/ID/approve`: the VM that approves. */
const approveBodySchema = z.strictObject({ by: nameSchema });

/** Body of `POST /operations`. */
const operateBodySchema = z.strictObject({ verb: z.enum(COMPUTE_VERBS), vm: nameSchema });

/**
 * What VMs and their users do, for whoever plays them: `POST /events/ID/approve {"by"}`, as that VM would by its metadata
 * service; `POST /operations {"verb","vm"}`, as the VM's user would by the compute API: 201 `{"event"}`, null when it is
 * done at once, without an event.
 */
export function addUserRoutes(app: Express, operations: Operations): void {
  app.post('/events/:id/approve', (request, response) => {
    operations.approve(parseBody(approveBodySchema, request).by, [request.params['id'] ?? '']);
    response.status(204).end();
  });
  app.post('/operations', (request, response, next) => {
    const { verb, vm } = parseBody(operateBodySchema, request);
    operations.operate(verb, vm).then((event) => response.status(201).json({ event: event ?? null }), next);
  });
}
