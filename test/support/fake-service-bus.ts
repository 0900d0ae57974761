import type { AddressInfo } from 'node:net';
import rhea, { type Message } from 'rhea';
import { onTestFinished } from 'vitest';
import { SERVER } from './certificates.ts';

/** What a fake of Service Bus was told. */
export interface FakeServiceBus {
  /** `amqp://127.0.0.1:PORT`, or `amqps:`. */
  readonly url: string;
  /** Tokens that came to `$cbs`, with what they are for. */
  readonly tokens: { readonly audience: unknown; readonly token: string }[];
  /** Messages by the address that they were sent to. */
  readonly messages: { readonly address: string; readonly message: Message }[];
}

/**
 * A fake of Service Bus: an AMQP 1.0 peer made with `rhea` that answers `$cbs` (claims-based security) and takes messages. It
 * checks no signature; a token for the policy `Denied` is refused, a message for the path `missing` has no queue.
 */
export async function fakeServiceBus(
  options: {
    readonly tls?: boolean;
    /** Where messages go before they are accepted. */
    readonly forward?: (address: string, message: Message) => Promise<void>;
  } = {},
): Promise<FakeServiceBus> {
  const container = rhea.create_container({ id: 'fake-service-bus' });
  const bus: Omit<FakeServiceBus, 'url'> = { tokens: [], messages: [] };
  container.sasl_server_mechanisms.enable_anonymous();
  container.sasl_server_mechanisms['MSSBCBS'] = container.sasl_server_mechanisms['ANONYMOUS'];
  const repliers = new Map<string, { send: (message: Message) => unknown }>();
  container.on('sender_open', (context) => {
    const { sender } = context;
    if (sender === undefined) return;
    sender.set_source(sender.source);
    sender.set_target(sender.target);
    const address = sender.target?.address as string | undefined;
    if (address !== undefined) repliers.set(address, sender);
  });
  container.on('receiver_open', ({ receiver, connection }) => {
    if (receiver === undefined) return;
    const address = receiver.target?.address as string;
    receiver.set_target(receiver.target);
    receiver.set_source(receiver.source);
    if (address === 'missing') {
      receiver.close({
        condition: 'amqp:not-found',
        description: `The messaging entity 'missing' could not be found.`,
      });
    }
    void connection;
  });
  container.on('message', ({ message, receiver, delivery }) => {
    if (message === undefined || receiver === undefined) return;
    const address = receiver.target?.address as string;
    if (address !== '$cbs') {
      bus.messages.push({ address, message });
      void (options.forward?.(address, message) ?? Promise.resolve()).then(
        () => delivery?.accept(),
        (error: unknown) => delivery?.reject({ condition: 'amqp:internal-error', description: String(error) }),
      );
      return;
    }
    const token = String(message.body);
    bus.tokens.push({ audience: message.application_properties?.['name'], token });
    const isDenied = token.endsWith('skn=Denied');
    const reply = repliers.get(String(message.reply_to)) ?? [...repliers.values()][0];
    reply?.send({
      correlation_id: message.message_id as string,
      to: message.reply_to as string,
      application_properties: {
        'status-code': isDenied ? 401 : 202,
        'status-description': isDenied ? 'InvalidSignature: The token has an invalid signature.' : 'Accepted',
      },
      body: '',
    });
    delivery?.accept();
  });
  const server = options.tls
    ? container.listen({ port: 0, host: '127.0.0.1', transport: 'tls', ...SERVER })
    : container.listen({ port: 0, host: '127.0.0.1' });
  await new Promise<void>((resolve) => {
    server.once('listening', resolve);
  });
  const sockets = new Set<{ destroy: () => void }>();
  server.on('connection', (socket: { destroy: () => void }) => sockets.add(socket));
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = server.address() as AddressInfo;
  return { ...bus, url: options.tls ? `amqps://localhost:${port}` : `amqp://127.0.0.1:${port}` };
}
