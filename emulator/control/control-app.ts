import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { describeError, UserError } from '../../common/runtime/errors.ts';
import { faultBodySchema, scheduleBodySchema } from './bodies.ts';
import { clockRoutes } from './clock-routes.ts';
import { addMaintenanceRoutes } from './maintenance-routes.ts';
import type { Operations } from './operations.ts';
import { parseBody } from './parse-body.ts';
import { addServiceRoutes } from './service-routes.ts';
import { addTrustRoutes } from './trust-routes.ts';
import { addUserRoutes } from './user-routes.ts';

/** Longest request body: an event that names a thousand VMs fits well. */
const MAX_BODY = '256kb';

/**
 * The control API. Answers are JSON; a refusal is `{"error":{"code","message"}}` with 400 (bad body), 404 (no such VM or
 * event), 409 (the event is not in a state for it), 403 (the header `x-forewarn: true` is missing where something changes).
 */
export function createControlApp(operations: Operations): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(requireOwnHeader);
  app.use(express.json({ limit: MAX_BODY }));

  app.get('/fleet', (_request, response) => {
    response.json(operations.fleet());
  });
  app.get('/events', (_request, response) => {
    response.json({ events: operations.events() });
  });
  app.post('/events', (request, response) => {
    const { started, fault, ...wanted } = parseBody(scheduleBodySchema, request);
    const entry = fault === true ? 'failure' : started === true ? 'approved-by-policy' : 'announced';
    response.status(201).json(operations.schedule({ ...wanted, entry }));
  });
  for (const verb of ['cancel', 'start', 'complete'] as const) {
    app.post(`/events/:id/${verb}`, (request, response) => {
      operations[verb](request.params['id'] ?? '');
      response.status(204).end();
    });
  }
  addUserRoutes(app, operations);
  addMaintenanceRoutes(app, operations.maintenance);
  addServiceRoutes(app, operations);
  addTrustRoutes(app, operations.trust);
  app.get('/faults', (_request, response) => {
    response.json({ faults: operations.faults() });
  });
  app.post('/faults', (request, response, next) => {
    void answer(next, async () => {
      response.status(201).json(await operations.setFault(parseBody(faultBodySchema, request)));
    });
  });
  app.delete('/faults', (request, response, next) => {
    const vm = request.query['vm'];
    void answer(next, async () => {
      await operations.clearFaults(typeof vm === 'string' ? vm : undefined);
      response.status(204).end();
    });
  });
  app.use('/clock', clockRoutes(operations.clock));
  app.use((request, response) => {
    sendError(response, 404, { code: 'NOT_FOUND', message: `there is no ${request.method} ${request.path}` });
  });
  app.use(handleError);
  return app;
}

/** Never rejects: what fails goes to the error handler. */
async function answer(next: NextFunction, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    next(error);
  }
}

/** A page in a browser cannot set this header across sites without asking first, and nobody answers that question. */
function requireOwnHeader(request: Request, response: Response, next: NextFunction): void {
  if (request.method === 'GET' || request.method === 'HEAD' || request.headers['x-forewarn'] === 'true') {
    next();
    return;
  }
  const message = 'expected the header x-forewarn: true on a request that changes something';
  sendError(response, 403, { code: 'HEADER_MISSING', message });
}

const STATUS_OF: Readonly<Record<string, number>> = {
  BAD_BODY: 400,
  NO_RESOURCES: 400,
  SEVERAL_SCOPES: 400,
  SEVERAL_UPDATE_DOMAINS: 400,
  UNKNOWN_VM: 404,
  UNKNOWN_EVENT: 404,
  VM_GONE: 409,
  VM_EXISTS: 409,
  CLOCK_IS_REAL: 409,
  ALREADY_STARTED: 409,
  NOT_STARTED: 409,
  TOO_MANY_USER_OPERATIONS: 409,
  UNKNOWN_TARGET: 404,
  UNKNOWN_MAINTENANCE: 404,
  REFUSED: 409,
  NO_SERVICE: 404,
  NO_DEPLOYMENT: 409,
  NOTHING_HEALTHY: 409,
  SETTINGS_INVALID: 400,
};

// Four parameters, used or not: that is how Express knows an error handler.
function handleError(error: unknown, _request: Request, response: Response, _next: NextFunction): void {
  if (error instanceof UserError) {
    sendError(response, STATUS_OF[error.code] ?? 500, { code: error.code, message: error.message });
    return;
  }
  const isBadBody = error instanceof Error && 'type' in error && String(error.type).startsWith('entity.');
  sendError(response, isBadBody ? 400 : 500, {
    code: isBadBody ? 'BAD_BODY' : 'INTERNAL',
    message: describeError(error),
  });
}

function sendError(
  response: Response,
  status: number,
  error: { readonly code: string; readonly message: string },
): void {
  response.status(status).json({ error });
}
