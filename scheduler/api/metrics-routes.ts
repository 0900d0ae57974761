import type { Express, NextFunction, Request, Response } from 'express';
import { ApiError } from './api-error.ts';
import { endpoint } from './endpoint.ts';
import type { ApiParts } from './parts.ts';

/** `GET /metrics` for Prometheus, to whoever may read everything. */
export function addMetricsRoutes(app: Express, { metrics }: Pick<ApiParts, 'metrics'>): void {
  app.get(
    '/metrics',
    endpoint(async (_request, response) => {
      if (metrics === undefined) throw new ApiError(404, 'NotFound', 'Metrics are off (setting metrics).');
      response.type('text/plain; version=0.0.4; charset=utf-8').send(await metrics.text());
    }),
  );
}

/** Counts the answers. */
export function countAnswers({ metrics }: Pick<ApiParts, 'metrics'>) {
  return (_request: Request, response: Response, next: NextFunction): void => {
    if (metrics !== undefined) {
      response.on('finish', () => {
        metrics.answered(response.statusCode);
      });
    }
    next();
  };
}
