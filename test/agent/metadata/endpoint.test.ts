import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { findEndpoint } from '../../../agent/metadata/endpoint.ts';
import { silentLog } from '../../../common/runtime/log.ts';

/** A service on loopback that knows who its VM is, or knows nothing. */
async function serve(answers: boolean): Promise<string> {
  const server = createServer((_request, response) => {
    response.statusCode = answers ? 200 : 404;
    response.end(answers ? '{"name":"web_0","vmId":"v"}' : '');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const tools = { environment: {}, log: silentLog, signal: new AbortController().signal };
const noLeases = async (): Promise<readonly string[]> => {
  throw new Error('nobody should look for leases');
};

describe('where the metadata service is', () => {
  it('is what the settings say, and nowhere else', async () => {
    const chosen = await serve(false);
    const endpoint = findEndpoint(chosen, {
      ...tools,
      environment: { FOREWARN_METADATA: 'http://127.0.0.1:9' },
      leases: noLeases,
    });
    expect((await endpoint.readInstance()).kind).toBe('failed');
    expect(endpoint.address()).toBe(chosen);
  });

  it('is what the environment says where the settings leave it open', async () => {
    const named = await serve(true);
    const endpoint = findEndpoint('auto', { ...tools, environment: { FOREWARN_METADATA: named }, leases: noLeases });
    expect((await endpoint.readInstance()).kind).toBe('instance');
    expect(endpoint.address()).toBe(named);
  });

  it('is the address of virtual networks where that answers, whatever DHCP said', async () => {
    const networkEndpoint = await serve(true);
    const endpoint = findEndpoint('auto', { ...tools, networkEndpoint, leases: noLeases });
    expect((await endpoint.readInstance()).kind).toBe('instance');
    expect(endpoint.address()).toBe(networkEndpoint);
  });

  it('is what DHCP said where nothing else answers, and stays that', async () => {
    const networkEndpoint = await serve(false);
    const [other, leased] = [await serve(false), await serve(true)];
    const endpoint = findEndpoint('auto', { ...tools, networkEndpoint, leases: async () => [other, leased] });
    expect(endpoint.address()).toBe(networkEndpoint);
    expect((await endpoint.readInstance()).kind).toBe('instance');
    expect(endpoint.address()).toBe(leased);
    expect((await endpoint.readInstance()).kind).toBe('instance');
  });

  it('is asked again when nothing answers', async () => {
    const networkEndpoint = await serve(false);
    const endpoint = findEndpoint('auto', { ...tools, networkEndpoint, leases: async () => [] });
    expect((await endpoint.readInstance()).kind).toBe('failed');
    expect(endpoint.address()).toBe(networkEndpoint);
  });
});
