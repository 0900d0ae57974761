import { describeError } from '../../common/runtime/errors.ts';
import { formatDuration } from '../../common/runtime/duration.ts';
import type { Clock } from '../../common/runtime/clock.ts';
import type { Environment } from '../../common/runtime/environment.ts';
import { silentLog } from '../../common/runtime/log.ts';
import { canonicalName } from '../../common/agreement/names.ts';
import { identityOf } from '../identity.ts';
import { createEventsClient } from '../metadata/events-client.ts';
import { findEndpoint } from '../metadata/endpoint.ts';
import type { AgentSettings } from '../settings.ts';
import { ok, unknown, warning, wrong, type Finding } from './finding.ts';

/** The first question ever asked in a scope may take two minutes; an operator is not kept waiting for it. */
const PATIENCE_MS = 15_000;
/** Above this NotBefore means something else to this VM than to its host; the Date header has seconds. */
const MAX_SKEW_MS = 5000;

/** Asks the metadata service what the agent would ask it: who this VM is, and which events there are. */
export async function checkMetadata(
  settings: AgentSettings,
  tools: { readonly clock: Clock; readonly environment: Environment },
): Promise<readonly Finding[]> {
  const { clock, environment } = tools;
  const patience = new AbortController();
  const cancel = clock.after(PATIENCE_MS, () => {
    patience.abort();
  });
  try {
    const found = findEndpoint(settings.metadata.endpoint, {
      environment,
      log: silentLog,
      signal: patience.signal,
    });
    const instance = await found.readInstance();
    const endpoint = found.address();
    if (instance.kind === 'failed') {
      return [
        wrong(
          'metadata',
          `${endpoint}: ${instance.reason}`,
          'the VM must reach it without a proxy: check routes, the firewall of the VM, and metadata.endpoint',
        ),
      ];
    }
    let dateMs: number | undefined;
    const client = createEventsClient(endpoint, patience.signal, (answer) => {
      if (answer.kind === 'answer') dateMs = answer.dateMs;
    });
    const poll = await client.poll();
    const nowMs = clock.now();
    const name = checkName(settings, instance.instance);
    if (poll.kind !== 'document') {
      const reason = poll.kind === 'failed' ? poll.reason : 'no document';
      return [
        wrong(
          'metadata',
          `events cannot be read: ${reason}`,
          'the first question of a scope may take two minutes: try again then',
        ),
        name,
        checkClock(dateMs, nowMs),
      ];
    }
    const { events } = poll.document;
    const own = 'vm' in name ? canonicalName(name.vm) : undefined;
    const naming = events.filter((event) => event.resources.some((resource) => canonicalName(resource) === own));
    return [
      ok(
        'metadata',
        `${endpoint}, api-version ${client.version()}: ${events.length} events, ${naming.length} of them name this VM`,
      ),
      name,
      checkClock(dateMs, nowMs),
    ];
  } finally {
    cancel();
  }
}

function checkName(
  settings: AgentSettings,
  instance: Parameters<typeof identityOf>[0],
): Finding & { readonly vm?: string } {
  try {
    const { name, scope } = identityOf(instance, settings.identity);
    return { ...ok('name', `${name} in scope ${scope}`), vm: name };
  } catch (error) {
    return wrong(
      'name',
      describeError(error),
      'set identity.name to the name that events use for this VM, or leave it out',
    );
  }
}

function checkClock(dateMs: number | undefined, nowMs: number): Finding {
  if (dateMs === undefined)
    return unknown('clock', 'the metadata service tells no time', 'compare it yourself: timedatectl status');
  const skewMs = nowMs - dateMs - 500;
  const text = `${formatDuration(Math.abs(skewMs))} ${skewMs > 0 ? 'ahead of' : 'behind'} the host's`;
  return Math.abs(skewMs) > MAX_SKEW_MS
    ? warning('clock', text, 'NotBefore counts by the host: let chrony or systemd-timesyncd set the clock of this VM')
    : ok('clock', text);
}
