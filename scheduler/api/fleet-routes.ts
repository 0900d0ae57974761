import type { Express } from 'express';
import { summarize } from '../rollout/describe.ts';
import type { RolloutState } from '../rollout.ts';
import type { KnownVm } from '../store/store.ts';
import { vmKey } from '../vm-key.ts';
import { ApiError } from './api-error.ts';
import { endpoint } from './endpoint.ts';
import type { ApiParts } from './parts.ts';

/** Newest rollouts that one answer lists. */
const MAX_LISTED = 200;

/** What Azure Scheduler never had: the fleet and its rollouts. Times are epoch milliseconds. */
export function addFleetRoutes(app: Express, parts: ApiParts): void {
  const { store, registry, clock } = parts;
  app.get('/forewarn/v1/health', (_request, response) => {
    response.json({ status: 'ok', connected: registry.allLive().length, refusals: parts.refusals() });
  });
  app.get(
    '/forewarn/v1/vms',
    endpoint(async (_request, response) => {
      await registry.catchUp();
      response.json({ value: registry.allKnown(clock.now()).map((vm) => vmView(parts, vm)) });
    }),
  );
  app.get(
    '/forewarn/v1/rollouts',
    endpoint(async (_request, response) => {
      response.json({ value: (await store.rollouts.list(MAX_LISTED)).map(rolloutView) });
    }),
  );
  app.get(
    '/forewarn/v1/rollouts/:id',
    endpoint<{ id: string }>(async (request, response) => {
      const found = await store.rollouts.find(request.params.id);
      if (found === undefined) throw new ApiError(404, 'NotFound', `Rollout '${request.params.id}' cannot be found.`);
      response.json(rolloutView(found));
    }),
  );
}

function vmView({ registry }: ApiParts, vm: KnownVm): Record<string, unknown> {
  const live = registry.find(vmKey(vm.identity.scope, vm.identity.name));
  return {
    ...vm.identity,
    agentVersion: vm.agentVersion,
    connected: live !== undefined,
    // What was last heard of a VM that is not connected says nothing about it now.
    inRotation: live?.health.inRotation ?? false,
    healthy: live?.health.healthy ?? false,
    reasons: live?.health.reasons ?? [],
    firstSeenAt: vm.firstSeenAtMs,
    lastSeenAt: vm.lastSeenAtMs,
    inventory: vm.inventory ?? null,
  };
}

function rolloutView(rollout: RolloutState): Record<string, unknown> {
  return {
    id: rollout.id,
    job: rollout.job,
    attempt: rollout.attempt,
    status: rollout.status,
    summary: summarize(rollout),
    task: rollout.task,
    parameters: rollout.parameters,
    timeoutSeconds: rollout.timeoutMs / 1000,
    settleSeconds: rollout.settleMs / 1000,
    maxUnavailable: rollout.maxUnavailable,
    startedAt: rollout.startedAtMs,
    endedAt: rollout.endedAtMs ?? null,
    vms: rollout.vms.map((vm) => ({ name: vm.name, phase: vm.phase, since: vm.sinceMs, failure: vm.failure ?? null })),
  };
}
