import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { describeError } from '../../common/runtime/errors.ts';
import { SealError } from '../secrets/seal.ts';
import { accessGuard } from './access-guard.ts';
import { ApiError, badRequest } from './api-error.ts';
import { assertVersion } from './api-versions.ts';
import { addBillingRoutes } from './billing-routes.ts';
import { addCollectionRoutes } from './collection-routes.ts';
import { addEnrolmentRoutes } from './enrolment-routes.ts';
import { addEventRoutes } from './event-routes.ts';
import { addFleetRoutes } from './fleet-routes.ts';
import { addJobRoutes } from './job-routes.ts';
import { addMetricsRoutes, countAnswers } from './metrics-routes.ts';
import type { ApiParts } from './parts.ts';
import { addProviderRoutes } from './provider-routes.ts';
import { requestIdHeaders } from './request-ids.ts';
import { addPreviewRoutes } from './preview-routes.ts';
import { addUserRoutes } from './user-routes.ts';
import { refuseForeign } from './refuse-foreign.ts';

/** Four times the largest job: room for the rest of the body, and for a clear refusal of a job that is too large. */
const MAX_BODY = '64kb';

/** The HTTP side of the scheduler: Azure Scheduler's REST API, and ours beside it under `/forewarn/v1/`. */
export function createApp(parts: ApiParts): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(countAnswers(parts));
  app.use((request, response, next) => {
    const id = parts.random.uuid();
    response.set({
      ...requestIdHeaders(request, id, { nowMs: parts.clock.now(), region: parts.region }),
      'Cache-Control': 'no-cache',
      Pragma: 'no-cache',
      Expires: '-1',
      ...(request.secure ? { 'Strict-Transport-Security': 'max-age=31536000; includeSubDomains' } : {}),
    });
    const refusal = refuseForeign(request, parts);
    if (refusal !== undefined) throw new ApiError(403, 'Forbidden', `${refusal}.`);
    next();
  });
  // Before the body is read: whoever may not ask gets nothing parsed.
  app.use(accessGuard(parts.access, parts.log));
  app.use(express.json({ limit: MAX_BODY, type: ['application/json', 'text/json', 'application/*+json'] }));
  app.use((request, _response, next) => {
    if (/^\/subscriptions\//i.test(request.path)) assertVersion(request);
    next();
  });
  addProviderRoutes(app);
  addCollectionRoutes(app, parts);
  addBillingRoutes(app, parts);
  addJobRoutes(app, parts);
  addPreviewRoutes(app, parts);
  addFleetRoutes(app, parts);
  addEventRoutes(app, parts);
  addEnrolmentRoutes(app, parts.enrolment);
  addUserRoutes(app, parts);
  addMetricsRoutes(app, parts);
  app.use((request) => {
    throw new ApiError(404, 'NotFound', `There is nothing at ${request.method} ${request.path}.`);
  });
  app.use((error: unknown, request: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const answer = toApiError(error);
    if (answer.status >= 500) parts.log.error({ path: request.path, err: describeError(error) }, 'request failed');
    // The resource manager's own 404, as it is recorded; clients tell it from the provider's by this.
    if (answer.code === 'ResourceNotFound') response.set('x-ms-failure-cause', 'gateway');
    response.status(answer.status).json({ error: { code: answer.code, message: answer.message } });
  });
  return app;
}

function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof SealError && error.code === 'NO_KEY') return secretsNotKept();
  if (error instanceof URIError) return badRequest('The path is not valid.');
  // What Express' body parser and router throw carries the status it wants.
  const status = error instanceof Error && 'status' in error && typeof error.status === 'number' ? error.status : 500;
  if (status === 413) return new ApiError(413, 'RequestTooLarge', `The request is larger than ${MAX_BODY}.`);
  if (status >= 400 && status < 500) {
    return new ApiError(status, 'InvalidRequestContent', `The request content was invalid: ${describeError(error)}.`);
  }
  return new ApiError(500, 'InternalServerError', 'The scheduler could not do this; its log says why.');
}

/** A job with a secret, and no key to keep it with. */
function secretsNotKept(): ApiError {
  return new ApiError(
    409,
    'SecretsNotKept',
    'The job has a secret, and this scheduler has no key to keep secrets with: name a file in its setting secrets.keyFile; "forewarn scheduler rotate-key" makes one.',
  );
}
