import type { Closers } from '../common/runtime/lifecycle.ts';
import { formatAddress } from '../common/runtime/listen.ts';
import type { AgentView } from './http/agent-view.ts';
import type { AgentMetrics } from './metrics/metrics.ts';
import type { RunningAgent } from './run-on-vm.ts';
import { openStatusServer } from './status/status-server.ts';
import type { AgentTools } from './tools.ts';

/** The loop ticks four times a second; silence for longer than this means that it hangs. */
const ALIVE_WITHIN_MS = 30_000;

/**
 * Opens what the agent is seen and steered through: the Unix socket always, HTTP where the settings say so. Resolves with the
 * addresses for the ready line. `vm.running` comes later: until then the pages say that the VM is not known yet.
 */
export async function openView(
  tools: AgentTools,
  vm: { readonly running?: RunningAgent },
  metrics: AgentMetrics | undefined,
  closers: Closers,
): Promise<{ readonly socket: string; readonly http?: string }> {
  const { settings, clock } = tools;
  const view: AgentView = {
    status: () => vm.running?.status(),
    // Asking who it is may take as long as it takes; that it asks is alive enough.
    isAlive: () => vm.running === undefined || clock.monotonic() - vm.running.lastTickMs() < ALIVE_WITHIN_MS,
    metrics: metrics && (async () => await metrics.text()),
    operator: () => vm.running?.operator,
  };
  const server = await openStatusServer(settings.socket, view);
  closers.add(async () => {
    await server.close();
  });
  if (settings.http === undefined) return { socket: settings.socket };
  const { openHttp } = await import('./http/open-http.ts');
  const http = await openHttp(settings.http, view);
  closers.add(async () => {
    await http.close();
  });
  return { socket: settings.socket, http: formatAddress(http.address) };
}
