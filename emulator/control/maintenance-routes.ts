import type { Express } from 'express';
import { z } from 'zod';
import type { MaintenanceRunner } from '../maintenance-runner.ts';
import { MAINTENANCE_DOMAINS, MAINTENANCE_TYPES } from '../platform/maintenance.ts';
import { spanMs } from './bodies.ts';
import { parseBody } from './parse-body.ts';

/** Body of `POST /maintenance`. */
const maintenanceBodySchema = z.strictObject({
  /** A role, or a scope. */
  target: z.string().min(1).max(256),
  by: z.enum(MAINTENANCE_DOMAINS).default('update-domain'),
  type: z.enum(MAINTENANCE_TYPES).default('Freeze'),
  durationSeconds: z.int().min(-1).max(86_400).optional(),
  noticeMs: spanMs.optional(),
});

/** `GET /maintenance`, `POST /maintenance`, `POST /maintenance/ID/cancel`. */
export function addMaintenanceRoutes(app: Express, maintenance: MaintenanceRunner): void {
  app.get('/maintenance', (_request, response) => {
    response.json({ maintenance: maintenance.list() });
  });
  app.post('/maintenance', (request, response) => {
    response.status(201).json(maintenance.begin(parseBody(maintenanceBodySchema, request)));
  });
  app.post('/maintenance/:id/cancel', (request, response) => {
    response.json(maintenance.cancel(request.params['id'] ?? ''));
  });
}
