import type { IncomingMessage } from 'node:http';
import type { ListenAddress } from '../../common/runtime/listen.ts';
import { refuseForeignRequest } from '../../common/runtime/local-guard.ts';

/** Why a request or an upgrade is refused before anything else is looked at; undefined when it may pass. */
export function refuseForeign(
  request: IncomingMessage,
  server: {
    readonly listening: () => ListenAddress;
    /** What it is called besides, as Host headers have it, in lower case. */
    readonly hosts: ReadonlySet<string>;
  },
): string | undefined {
  return refuseForeignRequest(request, server.listening(), (host) => server.hosts.has(host.toLowerCase()));
}
