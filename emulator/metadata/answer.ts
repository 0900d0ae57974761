import { newestVersions } from './versions.ts';

/** A whole answer of the metadata service; headers in the form that `response.writeHead` sends fastest. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What the service says before any JSON. */
export const JSON_TYPE = 'application/json; charset=utf-8';

export function jsonAnswer(status: number, value: unknown): Answer {
  return textAnswer(status, JSON.stringify(value), JSON_TYPE);
}

export function textAnswer(status: number, body: string, contentType: string): Answer {
  return { status, headers: { 'content-type': contentType, 'content-length': `${Buffer.byteLength(body)}` }, body };
}

/** Error texts of the service. The first two are captured; the others are undocumented, and chosen in the same manner. */
export const ANSWERS = {
  headerMissing: jsonAnswer(400, { error: 'Bad request. Required metadata header not specified' }),
  forwarded: jsonAnswer(400, { error: 'Bad request. X-Forwarded-For header is not allowed' }),
  duplicateParameter: jsonAnswer(400, { error: 'Bad request. Query parameters must not be repeated' }),
  malformedTarget: jsonAnswer(400, { error: 'Bad request. Malformed request target' }),
  malformedBody: jsonAnswer(400, { error: 'Bad request. Malformed StartRequests' }),
  unknownEvent: jsonAnswer(400, { error: 'Bad request. Unknown EventId' }),
  bodyTooLarge: jsonAnswer(413, { error: 'Request entity too large' }),
  notFound: jsonAnswer(404, { error: 'Not found' }),
  // Without Retry-After: none is documented, and clients wait by their own rules.
  tooManyRequests: jsonAnswer(429, { error: 'Too many requests' }),
  leafNeedsText: jsonAnswer(400, {
    error: 'Bad request. Format json is not supported for a leaf node; use format=text',
  }),
} as const;

/** What no HTTP parser could read, so that no handler ever sees it. */
export const UNREADABLE = {
  malformed: jsonAnswer(400, { error: 'Bad request' }),
  headersTooLarge: jsonAnswer(431, { error: 'Request header fields too large' }),
  tooSlow: jsonAnswer(408, { error: 'Request timeout' }),
} as const;

/** Clients read `newest-versions` and retry with one of them; each endpoint names its own. */
export function badVersion(versions: readonly string[]): Answer {
  return jsonAnswer(400, {
    error:
      'Bad request. api-version is invalid or was not specified in the request. For more information refer to aka.ms/azureimds',
    'newest-versions': newestVersions(versions),
  });
}

export function methodNotAllowed(allowed: string): Answer {
  const answer = jsonAnswer(405, { error: 'Method not allowed' });
  return { ...answer, headers: { ...answer.headers, allow: allowed } };
}
