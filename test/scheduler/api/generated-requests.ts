import { Pool } from 'undici';
import { seededRandom, type RandomSource } from '../../../common/runtime/random.ts';

/** A request made of a valid one by changing something, and what it must be answered if it is refused. */
interface Generated {
  readonly method: string;
  readonly path: string;
  readonly body: string | undefined;
  /** The one field of the body that was changed, its names on the way, and what it is now. */
  readonly changed: { readonly path: readonly string[]; readonly value: unknown } | undefined;
}

export interface Campaign {
  /** Answers by status. */
  readonly statuses: Readonly<Record<number, number>>;
  /** What no answer may be, with the request that repeats it. */
  readonly violations: readonly string[];
}

const CONCURRENCY = 24;
const GROUP = '/subscriptions/S/resourceGroups/G/providers/Microsoft.Scheduler/jobCollections';
const VERSION = 'api-version=2016-03-01';

/** Sends `count` generated requests to the scheduler at `url`; the same seed generates the same ones. */
export async function sendGenerated(url: string, count: number, seed: number): Promise<Campaign> {
  const pool = new Pool(url, { connections: CONCURRENCY });
  const statuses: Record<number, number> = {};
  const violations: string[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count && violations.length < 20) {
      const number = next++;
      const request = generate(seededRandom(seed * 1_000_003 + number));
      const response = await pool.request({
        method: request.method,
        path: request.path,
        headers: request.body === undefined ? {} : { 'content-type': 'application/json' },
        body: request.body ?? null,
      });
      const text = await response.body.text();
      statuses[response.statusCode] = (statuses[response.statusCode] ?? 0) + 1;
      const problem = problemOf(request, response.statusCode, text);
      if (problem !== undefined) {
        const { method, path, body = '' } = request;
        violations.push(
          `${problem}\n  ${method} ${path} ${body.slice(0, 2000)}\n  ${response.statusCode} ${text.slice(0, 500)}`,
        );
      }
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  await pool.close();
  return { statuses, violations };
}

function problemOf(request: Generated, status: number, text: string): string | undefined {
  if (status >= 500) return 'the scheduler failed';
  if (status < 400) return undefined;
  const error = (JSON.parse(text) as { error?: { code?: string; message?: string } }).error;
  if (!error?.code || !error.message || error.message.length < 10) return 'the refusal says nothing';
  const { changed } = request;
  if (status !== 400 || changed === undefined || error.message.startsWith('The job is larger than')) return undefined;
  // The real service's own words for this one name neither field nor value.
  if (/^Cannot set .* with recurrence unit/.test(error.message)) return undefined;
  const names = changed.path.filter((name) => !/^\d+$/.test(name));
  if (!names.some((name) => error.message?.includes(name))) return 'the refusal does not name the field';
  if (!/expected|must|only|not known|required|no meaning|cannot|longest|at most|larger|before/i.test(error.message))
    return 'the refusal does not name the rule';
  // That something is not there is said in words.
  if (changed.value === null) return undefined;
  // Of an authentication nothing is repeated, nor what stands where another secret should: people mistake the fields.
  if (changed.path.includes('authentication') || error.message.includes('secret')) return undefined;
  return valueOf(changed.value).some((part) => error.message?.includes(part))
    ? undefined
    : 'the refusal does not name the value';
}

/** Parts of a value of which one must be in the message; that something is missing or empty is said in words. */
function valueOf(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null)
    return [JSON.stringify(value).slice(0, 40).replace(/"$/, ''), String(value).slice(0, 40), 'nothing', '"\\ud83d"'];
  const inner = Object.entries(value).flatMap(([key, one]) => [key, ...valueOf(one)]);
  return [JSON.stringify(value).slice(0, 40), 'nothing', 'empty', ...inner];
}

const JOB = {
  properties: {
    startTime: '2027-02-09T23:55:25.5648511Z',
    action: {
      type: 'Http',
      request: { uri: 'http://127.0.0.1:1/', method: 'GET', body: 'x', headers: { Accept: '*/*' } },
      retryPolicy: { retryType: 'Fixed', retryInterval: 'PT1M', retryCount: 2 },
      errorAction: {
        type: 'Https',
        request: { uri: 'https://a.example/', method: 'POST' },
        retryPolicy: { retryType: 'None' },
      },
    },
    recurrence: {
      frequency: 'Week',
      interval: 2,
      count: 10,
      endTime: '2030-01-01',
      schedule: { weekDays: ['Monday'], hours: [1, 2], minutes: [3] },
      timeZone: 'Europe/Berlin',
      clockChanges: { gap: 'skip', overlap: 'both' },
      excludedDates: ['2027-03-01'],
    },
    runs: { missed: 'all', overlap: 'queue', window: 'PT1H' },
    state: 'Disabled',
  },
};
const MONTHLY = {
  properties: {
    ...JOB.properties,
    recurrence: {
      frequency: 'month',
      schedule: { monthDays: [1, -1], monthlyOccurrences: [{ day: 'friday', Occurrence: -1 }], months: [1] },
    },
  },
};
const FLEET = {
  properties: {
    startTime: '2027-02-09T23:55:25Z',
    action: {
      type: 'Fleet',
      fleet: {
        selector: { role: 'a', scope: 'b', names: ['c'] },
        task: 't',
        parameters: { a: 1 },
        timeoutSeconds: 5,
        maxUnavailable: 2,
      },
    },
    state: 'Disabled',
  },
};
const action = (change: object) => ({ properties: { startTime: '2027-02-09', action: change, state: 'Disabled' } });
const sharedKey = { type: 'SharedAccessKey', sasKeyName: 'k', sasKey: 'c2VjcmV0' };
/** With secrets, which this scheduler has no key for: what is right about them is refused in the end. */
const WITH_SECRETS = [
  action({
    type: 'Https',
    request: {
      uri: 'https://a.example/',
      method: 'GET',
      authentication: { type: 'Basic', username: 'u', password: 'p' },
    },
  }),
  action({
    type: 'StorageQueue',
    queueMessage: { storageAccount: 'account', queueName: 'queue', sasToken: '?sig=x', message: 'm' },
  }),
  action({
    type: 'ServiceBusQueue',
    serviceBusQueueMessage: {
      namespace: 'name',
      queueName: 'q',
      transportType: 'AMQP',
      message: 'm',
      authentication: sharedKey,
      brokeredMessageProperties: { label: 'l', timeToLive: '00:01:00' },
      customMessageProperties: { a: 'b' },
    },
  }),
  action({
    type: 'ServiceBusTopic',
    serviceBusTopicMessage: { namespace: 'name', topicPath: 't', message: 'm', authentication: sharedKey },
  }),
];
const COLLECTION = {
  location: 'westus',
  tags: { a: 'b' },
  properties: {
    sku: { name: 'Standard' },
    state: 'Enabled',
    quota: { maxJobCount: 50, maxJobOccurrence: 1, maxRecurrence: { frequency: 'minute', interval: 1 } },
  },
};

const JUNK: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e21,
  2 ** 31,
  2 ** 53,
  '',
  ' ',
  'x',
  '0',
  '2027-02-30',
  '24:00:00',
  'PT',
  'P1Y',
  '\u0000',
  '\ud800',
  '💥',
  '../..',
  'x'.repeat(3000),
  '__proto__',
  'constructor',
  [],
  [[]],
  [null],
  ['x'],
  [0, 60],
  {},
  { a: 1 },
  { type: 'Http' },
  { toString: 1 },
  { length: -1 },
  { next: 'x' },
  'http://',
  'ftp://a/',
  'http://[::1',
  'Http',
  'enabled',
  'Completed',
  'Mars/Olympus',
  'monday',
  '9999-12-31T23:59:59.9999999Z',
  '0001-01-01',
];
const SEGMENTS = [
  '',
  'a',
  'A',
  'shop',
  '%20',
  '%00',
  '%2F',
  '%E0%A4%A',
  '..',
  '__proto__',
  'x'.repeat(101),
  'jobs',
  'run',
  'history',
  'enable',
  '💥'.normalize(),
];
const FILTERS = ['state eq Disabled', "state eq 'x'", 'status eq failed', 'eq', '', '((', 'state eq', "' or 1=1--"];

function generate(random: RandomSource): Generated {
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random.fraction() * items.length)] as Item;
  const kind = random.fraction();
  if (kind < 0.7) {
    const isJob = random.fraction() < 0.85;
    const valid: unknown = isJob ? pick([JOB, JOB, MONTHLY, FLEET, ...WITH_SECRETS]) : COLLECTION;
    const path = pick(pathsOf(valid));
    const value = pick(JUNK);
    const body = JSON.stringify(changedAt(valid, path, value));
    const method = random.fraction() < 0.8 ? 'PUT' : 'PATCH';
    const name = `c${Math.floor(random.fraction() * 5)}`;
    return {
      method,
      path: isJob
        ? `${GROUP}/shop/jobs/j${Math.floor(random.fraction() * 20)}?${VERSION}`
        : `${GROUP}/${name}?${VERSION}`,
      body,
      changed: method === 'PUT' ? { path, value: JSON.parse(JSON.stringify(value) ?? 'null') as unknown } : undefined,
    };
  }
  const method = pick(['GET', 'GET', 'POST', 'PUT', 'PATCH', 'DELETE']);
  const depth = Math.floor(random.fraction() * 5);
  const more = Array.from({ length: depth }, () => encodeURI(pick(SEGMENTS)).replaceAll('%25', '%')).join('/');
  const root = pick([
    `${GROUP}/shop/jobs`,
    GROUP,
    '/subscriptions',
    '/forewarn/v1',
    `/forewarn/v1${GROUP}/shop/jobs/j1/next`,
  ]);
  const query = pick([
    VERSION,
    VERSION,
    `${VERSION}&$top=${pick(['1', '0', '-1', '101', 'x', '9'.repeat(30)])}`,
    `${VERSION}&$skip=${pick(['1', '-1', 'x', '99999999999'])}`,
    `${VERSION}&$filter=${encodeURIComponent(pick(FILTERS))}`,
    `${VERSION}&count=${pick(['1', '0', '2000'])}&from=${pick(['2027-01-01', 'x'])}`,
    `${VERSION}&${VERSION}`,
    'api-version[]=1',
  ]);
  const bodies = [undefined, '{', 'null', '[]', '"x"', '{}', JSON.stringify(JOB), JSON.stringify(pick(JUNK))];
  return {
    method,
    path: `${root}${more === '' ? '' : `/${more}`}?${query}`,
    body: method === 'GET' ? undefined : pick(bodies),
    changed: undefined,
  };
}

function pathsOf(value: unknown, before: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [before];
  const inside = Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...before, key]));
  return before.length === 0 ? inside : [before, ...inside];
}

function changedAt(value: unknown, [key, ...rest]: readonly string[], replacement: unknown): unknown {
  if (key === undefined) return replacement;
  if (Array.isArray(value))
    return value.map((item: unknown, index) => (String(index) === key ? changedAt(item, rest, replacement) : item));
  const fields = value as Record<string, unknown>;
  return { ...fields, [key]: changedAt(fields[key], rest, replacement) };
}
