import type { Request, Response } from 'express';

/**
 * A route whose work takes time. Express 5 treats the rejection of the returned promise as it treats a thrown error: both
 * reach the error handler of `app.ts`.
 */
export function endpoint<Params>(
  handle: (request: Request<Params>, response: Response) => Promise<void>,
): (request: Request<Params>, response: Response) => Promise<void> {
  return (request, response) => handle(request, response);
}
