/** A request as its parts; `raw` is made of them. */
export interface HostileRequest {
  readonly method: string;
  readonly target: string;
  /** Name and value; names may repeat. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

/** Parts that reach deep into the service, so that not every request dies at the first check. */
const METHODS = ['GET', 'GET', 'GET', 'POST', 'POST', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'get', ''];
const PATHS = [
  '/metadata/scheduledevents',
  '/metadata/ScheduledEvents/',
  '/metadata/instance',
  '/metadata/instance/compute',
  '/metadata/instance/compute/name',
  '/metadata/instance/network/interface/0',
  '/metadata/versions',
  '/metadata/latest/scheduledevents',
  '/metadata/identity/oauth2/token',
  '/metadata/identity/info',
  '/metadata/attested/document',
  '/metadata/loadbalancer',
  '/metadata',
  '/',
];
const VERSIONS = [
  '2017-03-01',
  '2017-08-01',
  '2018-02-01',
  '2019-08-01',
  '2020-07-01',
  '2020-10-01',
  '2025-04-07',
  'x',
];
const WORDS = [
  'format=text',
  'format=json',
  'extended=true',
  'resource=https://management.azure.com/',
  'nonce=1234567890',
  '__proto__=1',
  'constructor',
  '__proto__',
  'toString',
  'length',
  '..',
  '%2e%2e',
  '%00',
  '%',
  '%ff',
  '//',
  '?',
  '&',
  '=',
  '#',
  '\u0000',
  '\ud800',
  '0'.repeat(400),
  '-1',
  '1e9',
  'http://169.254.169.254',
  'http://[',
  '\\',
  '@',
  ':',
];
const HEADER_NAMES = [
  'metadata',
  'Metadata',
  'X-Forwarded-For',
  'If-None-Match',
  'Content-Type',
  'Expect',
  'x',
  '__proto__',
];
const HEADER_VALUES = [
  'true',
  'True',
  'false',
  '',
  '"7"',
  'W/"7"',
  '"1"',
  '*',
  '0',
  '100-continue',
  'application/json',
  ',,,"',
];
/** The event that some of the approvals are for. */
export const EVENT_ID = '4caea225-a741-474d-a72e-428c86fcd853';
const BODIES = [
  '',
  '{}',
  'null',
  '[]',
  '{"StartRequests":[]}',
  `{"StartRequests":[{"EventId":"${EVENT_ID}"}]}`,
  `{"DocumentIncarnation":2,"StartRequests":[{"EventId":"${EVENT_ID}"},{"EventId":"${EVENT_ID}"}]}`,
  '{"StartRequests":[{"EventId":"none"}]}',
  '{"StartRequests":{"length":1,"0":{"EventId":"x"}}}',
  '{"StartRequests":[{"EventId":{"toString":1}}]}',
  '{"__proto__":{"StartRequests":[{"EventId":"x"}]}}',
  '['.repeat(5000),
  `{"StartRequests":[${'{"EventId":"x"},'.repeat(200)}{"EventId":"x"}]}`,
  '\uFEFF{"StartRequests":[]}',
  '\ud800\u0000',
];

/** A source of whole numbers below a bound. */
export type Pick = (below: number) => number;

/** A request out of parts that mean something, mangled with bytes that mean nothing. */
export function hostileRequest(pick: Pick): HostileRequest {
  const one = <T>(list: readonly T[]): T => list[pick(list.length)] as T;
  let target = pick(20) === 0 ? noise(pick, 40) : one(PATHS);
  for (let more = pick(2) * pick(3); more > 0; more--) target += `/${one(WORDS)}`;
  if (pick(8) !== 0) target += `?api-version=${one(VERSIONS)}`;
  for (let more = pick(2) * pick(3); more > 0; more--) target += `&${one(WORDS)}`;
  const headers: [string, string][] = pick(6) === 0 ? [] : [['Metadata', 'true']];
  if (pick(8) === 0) headers.push(['If-None-Match', '"7"']);
  for (let more = pick(2) * pick(3); more > 0; more--) {
    headers.push([
      pick(20) === 0 ? noise(pick, 10) : one(HEADER_NAMES),
      pick(10) === 0 ? noise(pick, 20) : one(HEADER_VALUES),
    ]);
  }
  return {
    method: pick(30) === 0 ? noise(pick, 6) : one(METHODS),
    target: mangle(target, pick),
    headers,
    body: mangle(one(BODIES), pick),
  };
}

/** Up to `longest` bytes of any value, as a latin1 text. */
export function noise(pick: Pick, longest: number): string {
  let text = '';
  for (let left = pick(longest + 1); left > 0; left--) text += String.fromCharCode(pick(256));
  return text;
}

/** Sometimes one byte replaced, inserted, or the end cut off. */
function mangle(text: string, pick: Pick): string {
  const at = pick(text.length + 1);
  switch (pick(16)) {
    case 0:
      return text.slice(0, at) + String.fromCharCode(pick(256)) + text.slice(at + 1);
    case 1:
      return text.slice(0, at) + noise(pick, 4) + text.slice(at);
    case 2:
      return text.slice(0, at);
    default:
      return text;
  }
}

/** The bytes of a request; what is broken in the parts is broken in the bytes. */
export function rawRequest(request: HostileRequest, pick: Pick): Buffer {
  const body = Buffer.from(request.body, 'utf8');
  const lines = [`${request.method} ${request.target} HTTP/1.${pick(10) === 0 ? pick(10) : 1}`, 'Host: metadata'];
  for (const [name, value] of request.headers) lines.push(`${name}: ${value}`);
  const framing = pick(12);
  if (framing === 0) lines.push('Transfer-Encoding: chunked');
  else if (framing === 1) lines.push(`Content-Length: ${pick(3) - 1}`);
  else if (framing === 2) lines.push('Upgrade: websocket', 'Connection: upgrade');
  if (framing !== 1) lines.push(`Content-Length: ${body.length}`);
  const whole = Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body]);
  return pick(20) === 0 ? whole.subarray(0, pick(whole.length)) : whole;
}
