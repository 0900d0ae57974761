import type { Request } from 'express';
import { ApiError } from './api-error.ts';

/** The published ones, newest first. */
export const API_VERSIONS: readonly string[] = ['2016-03-01', '2016-01-01', '2014-08-01-preview'];

/** The resource manager's own documents (providers, resource groups) have versions of their own. */
const ANY_VERSION = /^\d{4}-\d\d-\d\d(?:-preview)?$/;

/** Throws an `ApiError` (400) unless the request names a version that is known for what it asks. */
export function assertVersion(request: Request): void {
  const version = versionOf(request);
  if (version === undefined) {
    throw new ApiError(
      400,
      'MissingApiVersionParameter',
      'The api-version query parameter (?api-version=) is required for all requests.',
    );
  }
  const isOfJobs = /\/jobcollections(?:\/|$)/i.test(request.path);
  if (typeof version === 'string' && (isOfJobs ? API_VERSIONS.includes(version) : ANY_VERSION.test(version))) return;
  throw new ApiError(
    400,
    'InvalidApiVersionParameter',
    `The api-version ${JSON.stringify(version)} is invalid. The supported versions are '${API_VERSIONS.join(',')}'.`,
  );
}

/** Before 2016 there was one premium plan, called `Premium`. */
export function isBeforePremiums(request: Pick<Request, 'query'>): boolean {
  return versionOf(request) === '2014-08-01-preview';
}

function versionOf({ query }: Pick<Request, 'query'>): unknown {
  return query['api-version'];
}
