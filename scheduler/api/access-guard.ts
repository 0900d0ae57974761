import type { IncomingMessage } from 'node:http';
import type { NextFunction, Request, Response } from 'express';
import type { Log } from '../../common/runtime/log.ts';
import { LOCAL, type Access, type Principal, type Verdict } from '../access/access.ts';
import { isGranted, scopeOf } from '../access/grants.ts';
import type { CollectionRef } from '../jobs/job.ts';
import { ApiError } from './api-error.ts';
import { collectionId } from './views.ts';

/** Who asks, for the routes behind the guard. */
const principals = new WeakMap<IncomingMessage, Principal>();

/** Lets pass who may, and remembers who it is. Refusals are in the words of Azure's resource manager. */
export function accessGuard(access: Access, log: Log) {
  return async (request: Request, response: Response, next: NextFunction): Promise<void> => {
    const verdict = await access.judge(request, request.path);
    if (verdict.kind === 'allowed') {
      principals.set(request, verdict.principal);
      if (!isRead(request.method)) logWhenDone(log, verdict.principal, request, response);
      next();
      return;
    }
    if (verdict.kind === 'unknown') response.set('WWW-Authenticate', 'Bearer');
    throw refusalOf(request, verdict);
  };
}

function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** Who changed what, and whether he was let: the audit log. Where nobody shows who he is there is nothing to tell. */
function logWhenDone(log: Log, { name }: Principal, request: Request, response: Response): void {
  if (name === LOCAL.name) return;
  const { method, path } = request;
  response.on('finish', () => {
    log.info({ user: name, method, path, status: response.statusCode }, 'request');
  });
}

function refusalOf(request: Request, verdict: Exclude<Verdict, { kind: 'allowed' }>): ApiError {
  if (verdict.kind === 'unknown') {
    return verdict.hasToken
      ? new ApiError(401, 'InvalidAuthenticationToken', 'The access token is not known, was revoked or has expired.')
      : new ApiError(
          401,
          'AuthenticationFailed',
          "Authentication failed. The 'Authorization' header is missing: this scheduler wants a token.",
        );
  }
  const scope = `/${verdict.scope.join('/')}`;
  return new ApiError(
    403,
    'AuthorizationFailed',
    `The user '${verdict.principal.name}' does not have authorization to perform '${request.method}' over scope '${scope}'.`,
  );
}

/** Who asks. Only behind the guard. */
export function principalOf(request: IncomingMessage): Principal {
  const found = principals.get(request);
  if (found === undefined) throw new Error('a request was served that never passed the guard');
  return found;
}

/** Whether whoever asks may look at this collection: lists hold no others. */
export function mayRead(request: IncomingMessage, ref: CollectionRef): boolean {
  return isGranted(principalOf(request).grants, 'reader', scopeOf(collectionId(ref)));
}
