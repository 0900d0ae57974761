import { given, numberOf, usage } from './option-values.ts';
import { recurrenceOf, type ScheduleWords } from './schedule-words.ts';

/** What an action is told of; secrets are read from files already. */
interface ActionWords {
  readonly type?: string | undefined;
  readonly uri?: string | undefined;
  readonly method?: string | undefined;
  readonly body?: string | undefined;
  readonly header?: readonly string[] | undefined;
  readonly auth?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly pfx?: string | undefined;
  readonly tenant?: string | undefined;
  readonly audience?: string | undefined;
  readonly clientId?: string | undefined;
  readonly secret?: string | undefined;
  readonly storageAccount?: string | undefined;
  readonly queue?: string | undefined;
  readonly sasToken?: string | undefined;
  readonly namespace?: string | undefined;
  readonly topic?: string | undefined;
  readonly transportType?: string | undefined;
  readonly sasKeyName?: string | undefined;
  readonly sasKey?: string | undefined;
  readonly message?: string | undefined;
}

/** The same of the error action: `errorUri` for `uri`, and so on. */
type ErrorWords = { readonly [Key in keyof ActionWords as `error${Capitalize<Key>}`]?: ActionWords[Key] };

/** What `forewarn job create` and `update` are told. */
export interface JobWords extends ActionWords, ErrorWords, ScheduleWords {
  readonly task?: string;
  readonly role?: string;
  readonly scope?: string;
  /** What becomes of runs that were missed, and of one that is due while the last one is under way. */
  readonly missed?: string;
  readonly overlap?: string;
  readonly window?: string;
  readonly retryCount?: string;
  readonly retryInterval?: string;
  /** False: `--no-retry`. */
  readonly retry?: boolean;
  readonly state?: string;
}

/**
 * The body of a request that says what the options say, and nothing of what they do not: whole for a new job, a patch for one
 * that is there (`isNew` false). Whether it makes sense is the scheduler's to judge, and its message names the field.
 */
export function jobBody(words: JobWords, isNew = false): { readonly properties: Readonly<Record<string, unknown>> } {
  const properties = {
    startTime: words.start,
    action: actionOf(words),
    recurrence: recurrenceOf(words, isNew),
    runs: given({ missed: words.missed, overlap: words.overlap, window: words.window }),
    state: words.state,
  };
  return { properties: given(properties) ?? {} };
}

function actionOf(words: JobWords): Record<string, unknown> | undefined {
  const fleet = given({ task: words.task, selector: given({ role: words.role, scope: words.scope }) });
  return given({
    ...performedBy(words, '--header'),
    ...(words.task === undefined || words.type !== undefined ? {} : { type: 'Fleet' }),
    fleet,
    retryPolicy: retryOf(words),
    errorAction: errorActionOf(words),
  });
}

/** The type of an action and what it sends. */
function performedBy(words: ActionWords, headerOption: string): Record<string, unknown> | undefined {
  const request = requestOf(words, headerOption);
  return given({
    type: words.type ?? guessType(words, request),
    request,
    queueMessage: isQueue(words)
      ? given({
          storageAccount: words.storageAccount,
          queueName: words.queue,
          sasToken: words.sasToken,
          message: words.message,
        })
      : undefined,
    serviceBusQueueMessage: words.topic === undefined ? serviceBusOf(words, { queueName: words.queue }) : undefined,
    serviceBusTopicMessage: words.topic === undefined ? undefined : serviceBusOf(words, { topicPath: words.topic }),
  });
}

/** What kind of action the options are of; undefined leaves it as it is, or to the scheduler to miss. */
function guessType(words: ActionWords, request: unknown): string | undefined {
  if (words.uri !== undefined) return /^https:/i.test(words.uri) ? 'Https' : 'Http';
  if (request !== undefined) return undefined;
  if (isQueue(words)) return 'StorageQueue';
  if (words.topic !== undefined) return 'ServiceBusTopic';
  return words.namespace === undefined ? undefined : 'ServiceBusQueue';
}

function isQueue(words: ActionWords): boolean {
  return (
    words.storageAccount !== undefined || words.sasToken !== undefined || words.type?.toLowerCase() === 'storagequeue'
  );
}

function requestOf(words: ActionWords, headerOption: string): Record<string, unknown> | undefined {
  const authentication = given({
    type: words.auth,
    username: words.username,
    password: words.password,
    pfx: words.pfx,
    tenant: words.tenant,
    audience: words.audience,
    clientId: words.clientId,
    secret: words.secret,
  });
  return given({
    uri: words.uri,
    method: words.method ?? (words.uri === undefined ? undefined : 'GET'),
    body: words.body,
    headers: headersOf(headerOption, words.header),
    // "none" takes away what is there (an explicit null removes).
    authentication: words.auth?.toLowerCase() === 'none' ? null : authentication,
  });
}

function serviceBusOf(
  words: ActionWords,
  target: Record<string, string | undefined>,
): Record<string, unknown> | undefined {
  if (isQueue(words)) return undefined;
  const authentication = given({ sasKeyName: words.sasKeyName, sasKey: words.sasKey });
  const message = given({
    ...target,
    namespace: words.namespace,
    transportType: words.transportType,
    message: words.namespace === undefined && words.topic === undefined ? undefined : words.message,
    authentication: authentication && { type: 'SharedAccessKey', ...authentication },
  });
  return message;
}

function retryOf(words: JobWords): Record<string, unknown> | undefined {
  if (words.retry === false) return { retryType: 'None' };
  const policy = given({
    retryCount: numberOf('--retry-count', words.retryCount),
    retryInterval: words.retryInterval,
  });
  return policy && { retryType: 'Fixed', ...policy };
}

/** Null takes away the one that is there. */
function errorActionOf(words: JobWords): Record<string, unknown> | null | undefined {
  if (words.errorType?.toLowerCase() === 'none') return null;
  return performedBy(
    {
      type: words.errorType,
      uri: words.errorUri,
      method: words.errorMethod,
      body: words.errorBody,
      header: words.errorHeader,
      auth: words.errorAuth,
      username: words.errorUsername,
      password: words.errorPassword,
      pfx: words.errorPfx,
      tenant: words.errorTenant,
      audience: words.errorAudience,
      clientId: words.errorClientId,
      secret: words.errorSecret,
      storageAccount: words.errorStorageAccount,
      queue: words.errorQueue,
      sasToken: words.errorSasToken,
      namespace: words.errorNamespace,
      topic: words.errorTopic,
      transportType: words.errorTransportType,
      sasKeyName: words.errorSasKeyName,
      sasKey: words.errorSasKey,
      message: words.errorMessage,
    },
    '--error-header',
  );
}

function headersOf(option: string, lines: readonly string[] | undefined): Record<string, string> | undefined {
  if (lines === undefined) return undefined;
  return Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':');
      if (colon > 0) return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
      throw usage(`${option}: expected a header like "Accept: text/plain", got ${JSON.stringify(line)}`);
    }),
  );
}
