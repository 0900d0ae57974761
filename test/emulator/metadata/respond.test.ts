import { describe, expect, it } from 'vitest';
import { offeredVersions } from '../../../emulator/metadata/offered-versions.ts';
import { parseRequestTarget } from '../../../emulator/metadata/request-target.ts';
import { respond, type MetadataVm } from '../../../emulator/metadata/respond.ts';
import type { Answer } from '../../../emulator/metadata/answer.ts';
import { metadataVm } from './support.ts';

interface Wanted {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly vm?: MetadataVm;
}

function ask(target: string, wanted: Wanted = {}): Answer {
  const outcome = respond(wanted.vm ?? metadataVm(), {
    method: wanted.method ?? 'GET',
    headers: wanted.headers ?? { metadata: 'true' },
    target: parseRequestTarget(target),
  });
  if (!('kind' in outcome)) return outcome;
  if (outcome.kind === 'later') throw new Error('expected an answer at once');
  return outcome.finish(wanted.body ?? '');
}

const EVENTS = '/metadata/scheduledevents?api-version=2020-07-01';

describe('reading events', () => {
  it.each([
    EVENTS,
    '/metadata/scheduledEvents?api-version=2020-07-01',
    '/METADATA/ScheduledEvents/?API-Version=2020-07-01',
    `http://169.254.169.254${EVENTS}`,
    `${EVENTS}&extended=true`,
  ])('answers %s', (target) => {
    expect(ask(target)).toMatchObject({ status: 200, body: '{"DocumentIncarnation":7,"Events":[]}' });
  });

  it.each(['"7"', 'W/"7"', '7', '"3", "7"', '*'])('answers If-None-Match %s with 304 and nothing else', (tag) => {
    const answer = ask(EVENTS, { headers: { metadata: 'true', 'if-none-match': tag } });
    expect(answer).toEqual({ status: 304, headers: { etag: '"7"' }, body: '' });
  });

  it.each(['0', 'null', '"6"', '', '70'])('answers If-None-Match %s with the whole document and its tag', (tag) => {
    const answer = ask(EVENTS, { headers: { metadata: 'true', 'if-none-match': tag } });
    expect(answer).toMatchObject({ status: 200, headers: { etag: '"7"' } });
  });

  it.each(['', '?api-version=', '?api-version=2021-12-13', '?api-version=latest'])(
    'answers a missing or unknown version (%s) with 400 and the newest versions of this endpoint',
    (query) => {
      const answer = ask(`/metadata/scheduledevents${query}`);
      expect(answer.status).toBe(400);
      expect(JSON.parse(answer.body)).toMatchObject({ 'newest-versions': ['2020-07-01', '2019-08-01', '2019-04-01'] });
    },
  );

  it.each(['DELETE', 'PUT', 'HEAD'])('answers %s with 405', (method) => {
    expect(ask(EVENTS, { method })).toMatchObject({ status: 405, headers: { allow: 'GET, POST' } });
  });

  it.each([
    '/metadata/scheduledevents/x?api-version=2020-07-01',
    '/metadata/latest',
    '/metadata/latest/x',
    '/',
    '/other',
  ])('answers %s with 404', (target) => {
    expect(ask(target).status).toBe(404);
  });

  it('answers the path of the 2016 preview like a version that it does not know', () => {
    expect(ask('/metadata/latest/scheduledEvents')).toEqual(ask('/metadata/scheduledevents?api-version=latest'));
  });

  it('answers a version that its region does not have yet like one that does not exist', () => {
    const vm = metadataVm([], { versions: offeredVersions(['2017-11-01', '2020-07-01']) });
    const answer = ask(EVENTS, { vm });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body)).toMatchObject({ 'newest-versions': ['2019-08-01', '2019-04-01', '2019-01-01'] });
    expect(ask('/metadata/scheduledevents?api-version=2017-08-01', { vm }).status).toBe(200);
  });

  it('takes a while for the first request of a scope, if so set', async () => {
    const vm = metadataVm([], { enablingMs: () => 120_000 });
    const outcome = respond(vm, { method: 'GET', headers: { metadata: 'true' }, target: parseRequestTarget(EVENTS) });
    expect(outcome).toMatchObject({ kind: 'later', afterMs: 120_000 });
    if (!('kind' in outcome) || outcome.kind !== 'later') throw new Error('expected to wait');
    expect((await outcome.finish()).body).toBe('{"DocumentIncarnation":7,"Events":[]}');
  });
});

describe('header rules', () => {
  it.each(['true', 'True', 'TRUE'])('accepts Metadata: %s', (value) => {
    expect(ask(EVENTS, { headers: { metadata: value } }).status).toBe(200);
  });

  it.each([{}, { metadata: 'false' }, { metadata: '' }])('refuses %j', (headers) => {
    expect(ask(EVENTS, { headers })).toMatchObject({
      status: 400,
      body: '{"error":"Bad request. Required metadata header not specified"}',
    });
  });

  it('does not insist on the header in version 2017-03-01', () => {
    expect(ask('/metadata/scheduledevents?api-version=2017-03-01', { headers: {} }).status).toBe(200);
  });

  it('refuses what came through a proxy', () => {
    expect(ask(EVENTS, { headers: { metadata: 'true', 'x-forwarded-for': '10.0.0.1' } }).status).toBe(400);
  });

  it.each(['a=1&a=2', 'api-version=2020-07-01', 'API-VERSION=2019-01-01'])(
    'refuses a parameter given twice (%s)',
    (more) => {
      expect(ask(`${EVENTS}&${more}`).status).toBe(400);
    },
  );

  it('refuses a target that is not one', () => {
    expect(ask('/metadata/instance/%ff?api-version=2021-02-01').status).toBe(400);
  });
});

describe('approving', () => {
  const post = (body: string, vm = metadataVm(['A', 'B'])): Answer => ask(EVENTS, { method: 'POST', body, vm });

  it('takes several ids in any case, and answers 200 with an empty body', () => {
    const vm = metadataVm(['A', 'B']);
    const body = '{"StartRequests":[{"EventId":"a"},{"EventId":"B"}]}';
    expect(post(body, vm)).toMatchObject({ status: 200, body: '' });
    expect(vm.approved).toEqual(['a', 'B']);
  });

  it('ignores DocumentIncarnation and whatever else is beside the requests', () => {
    const body = '{"DocumentIncarnation":"5","StartRequests":[{"EventId":"A","Other":1}],"x":[]}';
    expect(post(body).status).toBe(200);
  });

  it.each(['form', 'none'])('parses the body as JSON whatever Content-Type says (%s)', (type) => {
    const headers: Record<string, string> = { metadata: 'true' };
    if (type === 'form') headers['content-type'] = 'application/x-www-form-urlencoded';
    const body = '{"StartRequests":[{"EventId":"A"}]}';
    expect(ask(EVENTS, { method: 'POST', body, headers, vm: metadataVm(['A']) }).status).toBe(200);
  });

  it.each([
    '',
    '{',
    'null',
    '[]',
    '{}',
    '{"StartRequests":[]}',
    '{"StartRequests":{"EventId":"A"}}',
    '{"StartRequests":["A"]}',
    '{"StartRequests":[{"EventId":1}]}',
    '{"StartRequests":[{"EventId":"A"},null]}',
  ])('answers the malformed body %s with 400 and approves nothing', (body) => {
    const vm = metadataVm(['A']);
    expect(post(body, vm).status).toBe(400);
    expect(vm.approved).toEqual([]);
  });

  it('answers an id that no event has with 400', () => {
    expect(post('{"StartRequests":[{"EventId":"Z"}]}')).toMatchObject({
      status: 400,
      body: '{"error":"Bad request. Unknown EventId"}',
    });
  });

  it('may use another version than the one the events were read in', () => {
    const target = '/metadata/scheduledevents?api-version=2019-08-01';
    const body = '{"StartRequests":[{"EventId":"A"}]}';
    expect(ask(target, { method: 'POST', body, vm: metadataVm(['A']) }).status).toBe(200);
  });
});

describe('reading the instance', () => {
  const instance = (path: string, version = '2021-02-01', more = ''): Answer =>
    ask(`/metadata/instance${path}?api-version=${version}${more}`);

  it('gives all primitives as text, and the VM its own name', () => {
    const document = JSON.parse(instance('').body) as { compute: Record<string, unknown>; network: unknown };
    expect(document.compute).toMatchObject({
      name: 'pool_3',
      vmId: 'aaaa-bbbb',
      vmScaleSetName: 'pool',
      platformUpdateDomain: '3',
      platformFaultDomain: '1',
      zone: '2',
      placementGroupId: 'pg',
      tags: 'team:shop;tier:web',
      tagsList: [
        { name: 'team', value: 'shop' },
        { name: 'tier', value: 'web' },
      ],
    });
    expect(document.network).toMatchObject({
      interface: [{ ipv4: { ipAddress: [{ privateIpAddress: '10.0.7.4', publicIpAddress: '' }] } }],
    });
    expect(JSON.stringify(document)).not.toMatch(/:(\d|true|false|null)/);
  });

  it.each([
    ['/compute/name', 'pool_3'],
    ['/Compute/NAME/', 'pool_3'],
    ['/network/interface/0/ipv4/ipAddress/0/privateIpAddress', '10.0.7.4'],
    ['/network/interface', '0/'],
    ['/network/interface/0/ipv4/subnet/0', 'address\nprefix'],
  ])('walks %s with format=text', (path, text) => {
    expect(instance(path, '2021-02-01', '&format=text')).toMatchObject({
      status: 200,
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      body: text,
    });
  });

  it('gives a list as JSON', () => {
    expect(JSON.parse(instance('/compute/tagsList').body)).toHaveLength(2);
  });

  it.each(['', '&format=json'])('refuses a leaf without format=text (%s)', (more) => {
    expect(instance('/compute/name', '2021-02-01', more).status).toBe(400);
  });

  it.each(['/compute/nothing', '/compute/name/x', '/network/interface/1', '/network/interface/-1', '/nothing'])(
    'answers %s with 404',
    (path) => {
      expect(instance(path).status).toBe(404);
    },
  );

  it('leaves out what came in later versions', () => {
    const old = JSON.parse(instance('', '2017-04-02').body) as { compute: Record<string, unknown> };
    expect(old.compute).toHaveProperty('name');
    for (const key of ['tags', 'tagsList', 'resourceId', 'zone', 'userData'])
      expect(old.compute).not.toHaveProperty(key);
  });

  it('answers a version that only events have with 400 and the newest versions of this endpoint', () => {
    const answer = instance('', '2020-07-01');
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body)).toMatchObject({ 'newest-versions': ['2025-04-07', '2024-07-17', '2024-03-15'] });
  });

  it('answers POST with 405', () => {
    expect(ask('/metadata/instance?api-version=2021-02-01', { method: 'POST' }).status).toBe(405);
  });

  it('lists its versions without being given one', () => {
    const { apiVersions } = JSON.parse(ask('/metadata/versions').body) as { apiVersions: string[] };
    expect(apiVersions.slice(0, 2)).toEqual(['2017-03-01', '2017-04-02']);
    expect(apiVersions).not.toContain('2020-07-01');
  });
});
