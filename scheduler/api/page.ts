import type { Request } from 'express';
import { badRequest } from './api-error.ts';

/** Longest list of jobs or history the real service gives in one answer, and the largest `$top`. */
export const MAX_PAGE = 500;
const MAX_TOP = 100;

export interface Page {
  /** Whether the client said how many it wants. */
  readonly isAsked: boolean;
  readonly top: number;
  readonly skip: number;
  /** What `$filter` asks the field to be, lower case. */
  readonly filter: string | undefined;
}

/**
 * `$top`, `$skip` and `$filter` of a list. The filter is `FIELD eq VALUE` in any case, quoted or not: the published clients
 * send whatever their caller wrote.
 */
export function readPage(request: Pick<Request, 'query'>, fields: readonly string[], values: readonly string[]): Page {
  const top = readNumber(request.query['$top'], '$top', { min: 1, max: MAX_TOP, fallback: MAX_PAGE });
  const skip = readNumber(request.query['$skip'], '$skip', { min: 0, max: 2 ** 31 - 1, fallback: 0 });
  const isAsked = request.query['$top'] !== undefined;
  // The service before the resource manager had it without the dollar.
  const text = request.query['$filter'] ?? request.query['filter'];
  if (text === undefined) return { top, skip, isAsked, filter: undefined };
  const match = typeof text === 'string' ? /^\s*(\w+)\s+eq\s+'?(\w+)'?\s*$/i.exec(text) : null;
  const value = match?.[2]?.toLowerCase();
  if (!fields.includes(match?.[1]?.toLowerCase() ?? '') || value === undefined || !values.includes(value)) {
    throw badRequest(
      `The query parameter '$filter' is not valid: expected "${fields[0] ?? ''} eq VALUE" with one of ${values.join(', ')}, got ${JSON.stringify(text)}.`,
    );
  }
  return { top, skip, isAsked, filter: value };
}

/**
 * Where the list goes on, or null. The real service said null always, and cut a long list without a word; whoever said
 * himself how many he wants gets no link here either.
 */
export function nextLinkOf(
  request: Pick<Request, 'protocol' | 'originalUrl' | 'get'>,
  page: Page,
  isMore: boolean,
): string | null {
  if (!isMore || page.isAsked) return null;
  const url = new URL(request.originalUrl, `${request.protocol}://${request.get('host') ?? 'localhost'}`);
  url.searchParams.set('$skip', `${page.skip + page.top}`);
  return url.href;
}

function readNumber(
  value: unknown,
  name: string,
  limits: { readonly min: number; readonly max: number; readonly fallback: number },
): number {
  if (value === undefined) return limits.fallback;
  const number = typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : Number.NaN;
  if (number >= limits.min && number <= limits.max) return number;
  throw badRequest(
    `The query parameter '${name}' is not valid: expected a number from ${limits.min} to ${limits.max}, got ${JSON.stringify(value)}.`,
  );
}
