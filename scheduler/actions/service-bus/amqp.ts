import type { AddressGuard } from '../guarded-agent.ts';
import { HTTP_TIMEOUT_MS } from '../exchange.ts';
import { GuardedSocket } from './guarded-socket.ts';
import type { BrokeredMessage } from './message.ts';
import type { SharedAccess } from './net-messaging.ts';

const SECURE_PORT = 5671;
const PLAIN_PORT = 5672;
/** The longest that AMQP's field of milliseconds holds; what lives longer says when it ends. */
const MAX_TTL_MS = 2 ** 32 - 1;

/**
 * Sends over AMQP 1.0 through Azure's own library, which is loaded with the first message. A connection for each: they are
 * minutes apart, and Service Bus would close one that is idle.
 */
export async function sendOverAmqp(
  message: BrokeredMessage,
  to: {
    /** `amqps://namespace.servicebus.windows.net` */
    readonly endpoint: string;
    readonly path: string;
    readonly access: SharedAccess;
    readonly guard: AddressGuard;
    readonly ca: readonly string[] | undefined;
    readonly signal: AbortSignal;
    readonly nowMs: number;
  },
): Promise<void> {
  const { ServiceBusClient } = await import('@azure/service-bus');
  const { protocol, hostname, port } = new URL(to.endpoint);
  const isSecure = protocol === 'amqps:';
  const host = hostname.replace(/^\[|\]$/g, '');
  let broken: Error | undefined;
  const parts = {
    host,
    port: Number(port) || (isSecure ? SECURE_PORT : PLAIN_PORT),
    isSecure,
    guard: to.guard,
    ca: to.ca,
    onError: (error: Error): void => {
      broken ??= error;
    },
  };
  // The library calls it as a constructor, with an address of its own making that is of no use here.
  class Socket extends GuardedSocket {
    constructor() {
      super(parts);
    }
  }
  const client = new ServiceBusClient(
    host,
    { name: to.access.keyName, key: to.access.key },
    {
      // The job's own retry policy decides when it is tried again.
      retryOptions: { maxRetries: 0, timeoutInMs: HTTP_TIMEOUT_MS },
      webSocketOptions: { webSocket: Socket },
    },
  );
  try {
    await client.createSender(to.path).sendMessages(annotated(message, to.nowMs), { abortSignal: to.signal });
  } catch (error) {
    throw broken ?? error;
  } finally {
    // A broker that does not say goodbye keeps nobody: the socket ends with the client.
    await client.close().catch(() => {});
  }
}

/** In the library's form of a message of AMQP, which has a place for everything that the job can say. */
function annotated(message: BrokeredMessage, nowMs: number) {
  const { timeToLiveMs, scheduledEnqueueMs } = message;
  const isLong = timeToLiveMs !== undefined && timeToLiveMs > MAX_TTL_MS;
  return {
    body: Buffer.from(message.body, 'utf8'),
    bodyType: 'data' as const,
    header: present({
      durable: message.forcePersistence,
      timeToLive: timeToLiveMs === undefined ? undefined : Math.min(timeToLiveMs, MAX_TTL_MS),
    }),
    properties: present({
      messageId: message.messageId,
      to: message.to,
      subject: message.label,
      replyTo: message.replyTo,
      correlationId: message.correlationId,
      contentType: message.contentType,
      groupId: message.sessionId,
      replyToGroupId: message.replyToSessionId,
      creationTime: isLong ? nowMs : undefined,
      absoluteExpiryTime: isLong ? nowMs + timeToLiveMs : undefined,
    }),
    messageAnnotations: present({
      'x-opt-partition-key': message.partitionKey,
      'x-opt-via-partition-key': message.viaPartitionKey,
      'x-opt-scheduled-enqueue-time': scheduledEnqueueMs === undefined ? undefined : new Date(scheduledEnqueueMs),
    }),
    applicationProperties: message.custom,
  };
}

function present<Value extends object>(value: Value): { [Name in keyof Value]?: Exclude<Value[Name], undefined> } {
  const result: { [Name in keyof Value]?: Exclude<Value[Name], undefined> } = {};
  for (const name in value) {
    const field = value[name];
    if (isPresent(field)) result[name] = field;
  }
  return result;
}

function isPresent<Field>(field: Field): field is Exclude<Field, undefined> {
  return field !== undefined;
}
