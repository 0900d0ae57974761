import type { Express, NextFunction } from 'express';
import { z } from 'zod';
import { UserError } from '../../common/runtime/errors.ts';
import { SLOTS, type CloudService } from '../cloud-service/service.ts';
import type { Operations } from './operations.ts';
import { parseBody } from './parse-body.ts';

/** Body of `POST /service/scale`. */
const scaleBodySchema = z.strictObject({
  role: z.string().min(1).max(256),
  instances: z.int().min(1).max(1000),
  slot: z.enum(SLOTS).default('production'),
});

/** Body of `POST /service/upload`: a service definition, and where it is from. */
const uploadBodySchema = z.strictObject({ file: z.string().min(1).max(4096), text: z.string().max(200_000) });

/** `GET /service`, `POST /service/scale`, `POST /service/upload`, `POST /service/swap`. All answer `{"slots"}`. */
export function addServiceRoutes(app: Express, operations: Pick<Operations, 'service'>): void {
  const needed = (): CloudService => serviceOf(operations);
  app.get('/service', (_request, response) => {
    response.json({ slots: needed().view() });
  });
  app.post('/service/scale', (request, response, next) => {
    void answered(next, async () => {
      response.json({ slots: await needed().scale(parseBody(scaleBodySchema, request)) });
    });
  });
  app.post('/service/upload', (request, response, next) => {
    void answered(next, async () => {
      response.status(201).json({ slots: await needed().upload(parseBody(uploadBodySchema, request)) });
    });
  });
  app.post('/service/swap', (_request, response, next) => {
    void answered(next, async () => {
      response.json({ slots: await needed().swap() });
    });
  });
}

/** The fleet's cloud service; throws a `UserError` where it has none. */
export function serviceOf({ service }: Pick<Operations, 'service'>): CloudService {
  if (service !== undefined) return service;
  throw new UserError('NO_SERVICE', 'this fleet has no cloud service (key cloudService of the fleet file)');
}

async function answered(next: NextFunction, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    next(error);
  }
}
