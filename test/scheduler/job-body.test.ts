import { describe, expect, it } from 'vitest';
import { jobBody, type JobWords } from '../../scheduler/job-body.ts';

const actionOf = (words: JobWords): unknown => (jobBody(words)['properties'] as Record<string, unknown>)['action'];

describe('the options of a job', () => {
  it('say nothing of what they do not name', () => {
    expect(jobBody({})).toEqual({ properties: {} });
    expect(jobBody({ interval: '2' })).toEqual({ properties: { recurrence: { interval: 2 } } });
    expect(jobBody({ retry: true })).toEqual({ properties: {} });
  });

  it.each<[string, JobWords, object]>([
    ['an address', { uri: 'http://a/' }, { type: 'Http', request: { uri: 'http://a/', method: 'GET' } }],
    [
      'a safe address',
      { uri: 'https://a/', method: 'put' },
      { type: 'Https', request: { uri: 'https://a/', method: 'put' } },
    ],
    ['a body alone, which changes no type', { body: 'x' }, { request: { body: 'x' } }],
    ['headers', { header: ['A: b: c', 'D:'] }, { request: { headers: { A: 'b: c', D: '' } } }],
    [
      'authentication',
      { auth: 'Basic', username: 'me', password: 'secret' },
      { request: { authentication: { type: 'Basic', username: 'me', password: 'secret' } } },
    ],
    ['no authentication any more', { auth: 'none' }, { request: { authentication: null } }],
    [
      'a storage queue',
      { storageAccount: 'a', queue: 'q', sasToken: 't', message: 'm' },
      { type: 'StorageQueue', queueMessage: { storageAccount: 'a', queueName: 'q', sasToken: 't', message: 'm' } },
    ],
    [
      'a Service Bus queue',
      { namespace: 'n', queue: 'q', transportType: 'AMQP', sasKeyName: 'k', sasKey: 's', message: 'm' },
      {
        type: 'ServiceBusQueue',
        serviceBusQueueMessage: {
          queueName: 'q',
          namespace: 'n',
          transportType: 'AMQP',
          message: 'm',
          authentication: { type: 'SharedAccessKey', sasKeyName: 'k', sasKey: 's' },
        },
      },
    ],
    [
      'a Service Bus topic',
      { namespace: 'n', topic: 't', message: 'm' },
      { type: 'ServiceBusTopic', serviceBusTopicMessage: { topicPath: 't', namespace: 'n', message: 'm' } },
    ],
    [
      'a rollout',
      { task: 'patch', role: 'Web' },
      { type: 'Fleet', fleet: { task: 'patch', selector: { role: 'Web' } } },
    ],
    [
      'retries',
      { retryCount: '2', retryInterval: 'PT1M' },
      { retryPolicy: { retryType: 'Fixed', retryCount: 2, retryInterval: 'PT1M' } },
    ],
    ['no retries', { retry: false }, { retryPolicy: { retryType: 'None' } }],
    [
      'what is called when it fails',
      { errorUri: 'https://a/', errorBody: 'x' },
      { errorAction: { type: 'Https', request: { uri: 'https://a/', method: 'GET', body: 'x' } } },
    ],
    [
      'who calls it then',
      { errorUri: 'http://a/', errorHeader: ['A: b'], errorAuth: 'Basic', errorUsername: 'me', errorPassword: 'p' },
      {
        errorAction: {
          type: 'Http',
          request: {
            uri: 'http://a/',
            method: 'GET',
            headers: { A: 'b' },
            authentication: { type: 'Basic', username: 'me', password: 'p' },
          },
        },
      },
    ],
    [
      'a queue that hears of failures of a call',
      { uri: 'http://a/', errorStorageAccount: 's', errorQueue: 'q', errorSasToken: 't', errorMessage: 'm' },
      {
        type: 'Http',
        request: { uri: 'http://a/', method: 'GET' },
        errorAction: {
          type: 'StorageQueue',
          queueMessage: { storageAccount: 's', queueName: 'q', sasToken: 't', message: 'm' },
        },
      },
    ],
    [
      'a topic that hears of failures of a rollout',
      {
        task: 'patch',
        errorNamespace: 'n',
        errorTopic: 't',
        errorSasKeyName: 'k',
        errorSasKey: 's',
        errorMessage: 'm',
      },
      {
        type: 'Fleet',
        fleet: { task: 'patch' },
        errorAction: {
          type: 'ServiceBusTopic',
          serviceBusTopicMessage: {
            topicPath: 't',
            namespace: 'n',
            message: 'm',
            authentication: { type: 'SharedAccessKey', sasKeyName: 'k', sasKey: 's' },
          },
        },
      },
    ],
    ['nothing that is done then any more', { errorType: 'none' }, { errorAction: null }],
  ])('are %s', (_title, words, action) => {
    expect(actionOf(words)).toEqual(action);
  });

  it('are refused where they are no number and no header', () => {
    expect(() => jobBody({ count: 'many' })).toThrow('--count: expected a whole number, got "many"');
    expect(() => jobBody({ header: ['x'] })).toThrow('--header: expected a header like');
    expect(() => jobBody({ errorHeader: ['x'] })).toThrow('--error-header: expected a header like');
  });
});
