import type { Request } from 'express';

const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * The headers by which a request is found again in logs and reports (Azure Scheduler, "The x-ms-request-id Header"). `id` is
 * new; a client may bring a correlation id of its own, and ask to have its request id sent back.
 */
export function requestIdHeaders(
  request: Pick<Request, 'get'>,
  id: string,
  at: { readonly nowMs: number; readonly region: string | undefined },
): Record<string, string> {
  const correlation = request.get('x-ms-correlation-request-id') ?? '';
  const client = request.get('x-ms-client-request-id') ?? '';
  const isWantedBack = /^true$/i.test(request.get('x-ms-return-client-request-id') ?? '');
  const stamp = new Date(at.nowMs).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  return {
    'x-ms-request-id': id,
    'x-ms-correlation-request-id': GUID.test(correlation) ? correlation : id,
    'x-ms-routing-request-id': `${(at.region ?? 'local').toUpperCase()}:${stamp}:${id}`,
    ...(isWantedBack && GUID.test(client) ? { 'x-ms-client-request-id': client } : {}),
  };
}
