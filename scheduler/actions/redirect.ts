import { urlInHeader, type Answer, type OutgoingRequest } from './exchange.ts';

/** Statuses that say that what was asked for is somewhere else (RFC 9110, 15.4). */
const REDIRECTS = [301, 302, 303, 307, 308];

/**
 * The request that a redirect asks for, or undefined when the answer is none or is not to be followed. The method changes as
 * the Fetch standard says: 303 to GET, and 301 and 302 of a POST too. Another origin, a change from https to http among them,
 * is sent none of the job's headers and credentials; and because a body may hold secrets as well, a request with one is not
 * repeated there.
 */
export function redirectOf(sent: OutgoingRequest, answer: Answer): OutgoingRequest | undefined {
  if (!REDIRECTS.includes(answer.statusCode)) return undefined;
  const url = urlInHeader(answer, 'location');
  if (url === undefined) return undefined;
  const method = sent.method.toUpperCase();
  const becomesGet = answer.statusCode === 303 ? method !== 'HEAD' : answer.statusCode <= 302 && method === 'POST';
  if (!becomesGet && sent.body !== undefined && url.origin !== sent.url.origin) return undefined;
  return becomesGet ? { url, method: 'GET', headers: withoutContent(sent.headers), body: undefined } : { ...sent, url };
}

/** Headers that speak of a body that is no longer sent. */
function withoutContent(headers: OutgoingRequest['headers']): OutgoingRequest['headers'] {
  return headers.filter(
    ([name]) => !/^(content-(type|length|encoding|language|location)|transfer-encoding)$/i.test(name),
  );
}
