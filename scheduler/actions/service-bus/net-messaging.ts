import { createHmac } from 'node:crypto';
import type { Dispatcher } from 'undici';
import { Interrupt } from '../../engine/interrupt.ts';
import { exchange, type OutgoingRequest } from '../exchange.ts';
import type { BrokeredMessage } from './message.ts';

/** A token is used at once; this bounds the difference of the two clocks. */
const TOKEN_LIFE_S = 1200;
const READ_BYTES = 2048;

/** Who sends, by a shared access policy. */
export interface SharedAccess {
  readonly keyName: string;
  readonly key: string;
}

/** A broker has refused a message. `message` says how, without the message itself. */
export class BrokerRefusedError extends Error {
  readonly code = 'BROKER_REFUSED';
}

/**
 * Sends through Service Bus' REST endpoint ("Send Message"): what `netMessaging` becomes, whose own protocol only .NET has.
 * Rejects with a `BrokerRefusedError` unless the broker has taken the message.
 */
export async function sendOverRest(
  message: BrokeredMessage,
  to: {
    /** `https://namespace.servicebus.windows.net` */
    readonly endpoint: string;
    readonly path: string;
    readonly access: SharedAccess;
    readonly dispatcher: Dispatcher;
    readonly signal: AbortSignal;
    readonly nowMs: number;
  },
): Promise<void> {
  const entity = `${to.endpoint.replace(/\/$/, '')}/${to.path}`;
  const outgoing: OutgoingRequest = {
    url: new URL(`${entity}/messages?timeout=60`),
    method: 'POST',
    headers: [
      ['Authorization', sharedAccessSignature(entity, to.access, to.nowMs)],
      ['Content-Type', message.contentType ?? 'text/plain; charset=utf-8'],
      ['BrokerProperties', brokerProperties(message)],
      // Text is told from numbers and times by its quotes.
      ...Object.entries(message.custom).map(([name, value]) => [name, asciiJson(value)] as const),
    ],
    body: message.body,
  };
  const answer = await exchange(outgoing, {
    dispatcher: to.dispatcher,
    interrupt: Interrupt.by(to.signal),
    readBytes: READ_BYTES,
  });
  if (answer.statusCode >= 200 && answer.statusCode < 300) return;
  const detail = /<Detail>([^<]{1,300})/.exec(answer.text)?.[1];
  throw new BrokerRefusedError(`the service answered ${answer.statusCode}${detail === undefined ? '' : `, ${detail}`}`);
}

/** "Shared Access Signature authentication": HMAC-SHA256 over the encoded address and the time at which it expires. */
export function sharedAccessSignature(address: string, { keyName, key }: SharedAccess, nowMs: number): string {
  const resource = encodeURIComponent(address.toLowerCase());
  const expiry = Math.floor(nowMs / 1000) + TOKEN_LIFE_S;
  const signature = createHmac('sha256', key).update(`${resource}\n${expiry}`).digest('base64');
  return `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&se=${expiry}&skn=${encodeURIComponent(keyName)}`;
}

function brokerProperties(message: BrokeredMessage): string {
  const { scheduledEnqueueMs, timeToLiveMs } = message;
  return asciiJson({
    MessageId: message.messageId,
    CorrelationId: message.correlationId,
    SessionId: message.sessionId,
    PartitionKey: message.partitionKey,
    ViaPartitionKey: message.viaPartitionKey,
    Label: message.label,
    To: message.to,
    ReplyTo: message.replyTo,
    ReplyToSessionId: message.replyToSessionId,
    ForcePersistence: message.forcePersistence,
    // Seconds, and a date as in RFC 1123: that is what the endpoint reads.
    TimeToLive: timeToLiveMs === undefined ? undefined : timeToLiveMs / 1000,
    ScheduledEnqueueTimeUtc: scheduledEnqueueMs === undefined ? undefined : new Date(scheduledEnqueueMs).toUTCString(),
  });
}

/** JSON that fits into a header: other letters are written as \uXXXX. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
