import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openReceivers } from '../../../agent/notifications/open-receivers.ts';
import { notificationsSchema } from '../../../agent/notifications/settings.ts';
import type { SendResult } from '../../../agent/notifications/notifications.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** `asked` holds the targets of requests: to a proxy they are whole addresses, or (for TLS) those of tunnels. */
async function serve(handle: RequestListener): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    handle(request, response);
  });
  server.on('connect', (request, client) => {
    asked.push(`CONNECT ${request.url}`);
    client.end('HTTP/1.1 403 Forbidden\r\n\r\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

async function send(target: object, environment: Record<string, string> = {}): Promise<SendResult> {
  const [receiver] = await openReceivers(notificationsSchema.parse([target]), environment);
  if (receiver === undefined) throw new Error('no receiver');
  return await receiver.send('{"a":1}');
}

describe('a receiver of notifications', () => {
  it('is sent JSON, with its secrets from files', async () => {
    const seen: { headers: IncomingHttpHeaders; body: string; path: string | undefined }[] = [];
    const { url } = await serve((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on('end', () => {
        seen.push({ headers: request.headers, body, path: request.url });
        response.end('thanks');
      });
    });
    const folder = temporaryFolder();
    const urlFile = path.join(folder, 'url');
    const authorizationFile = path.join(folder, 'authorization');
    writeFileSync(urlFile, `${url}/secret/path\n`);
    writeFileSync(authorizationFile, 'Bearer hush\n');
    expect(await send({ urlFile, authorizationFile })).toEqual({ kind: 'sent' });
    expect(seen).toMatchObject([
      {
        path: '/secret/path',
        body: '{"a":1}',
        headers: { 'content-type': 'application/json', authorization: 'Bearer hush' },
      },
    ]);
  });

  it.each([
    [204, 'sent'],
    [302, 'refused'],
    [404, 'refused'],
    [408, 'failed'],
    [429, 'failed'],
    [503, 'failed'],
  ])('that answers %i: %s', async (status, kind) => {
    const { url } = await serve((_request, response) => {
      response.writeHead(status, { location: 'http://127.0.0.1:1/' }).end();
    });
    expect((await send({ url })).kind).toBe(kind);
  });

  it('that is not there or does not answer in time has failed', async () => {
    const { url } = await serve(() => {});
    expect((await send({ url, timeout: '50ms' })).kind).toBe('failed');
    expect((await send({ url: 'http://127.0.0.1:1/' })).kind).toBe('failed');
  });

  it('is reached through the proxy of the settings or the environment, or through none', async () => {
    const target = await serve((_request, response) => response.end());
    const proxy = await serve((_request, response) => response.end());
    const url = `${target.url}/hook`;
    expect(await send({ url, proxy: proxy.url })).toEqual({ kind: 'sent' });
    expect(await send({ url }, { HTTP_PROXY: proxy.url })).toEqual({ kind: 'sent' });
    expect(proxy.asked).toEqual([url, url]);
    expect(target.asked).toEqual([]);
    await send({ url: 'https://hooks.invalid/x' }, { https_proxy: proxy.url });
    expect(proxy.asked[2]).toBe('CONNECT hooks.invalid:443');
    await send({ url, proxy: 'none' }, { HTTP_PROXY: proxy.url });
    await send({ url }, { http_proxy: proxy.url, no_proxy: '127.0.0.1' });
    expect(target.asked).toEqual(['/hook', '/hook']);
    expect(proxy.asked).toHaveLength(3);
  });

  it('is refused when its secret cannot be read or is none', async () => {
    const empty = path.join(temporaryFolder(), 'empty');
    writeFileSync(empty, '\n');
    await expect(send({ urlFile: '/nowhere' })).rejects.toMatchObject({ code: 'SECRET_UNREADABLE' });
    await expect(send({ urlFile: empty })).rejects.toMatchObject({ code: 'SECRET_UNUSABLE' });
    await expect(send({ url: 'http://127.0.0.1:1/', authorizationFile: empty })).rejects.toMatchObject({
      code: 'SECRET_UNUSABLE',
    });
  });

  it('has an address or a file with one, not both and not neither', () => {
    expect(notificationsSchema.safeParse([{}]).success).toBe(false);
    expect(notificationsSchema.safeParse([{ url: 'http://x/', urlFile: '/y' }]).success).toBe(false);
    expect(notificationsSchema.safeParse([{ url: 'ftp://x/' }]).success).toBe(false);
    expect(notificationsSchema.safeParse([{ url: 'http://x/', phases: ['lunch'] }]).success).toBe(false);
  });
});
