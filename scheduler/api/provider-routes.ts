import type { Express } from 'express';
import { z } from 'zod';
import { REGION_NAMES } from '../jobs/region-names.ts';
import { API_VERSIONS } from './api-versions.ts';
import { readBody } from './read-body.ts';

const PROVIDER = '/subscriptions/:subscription/providers/Microsoft.Scheduler';
const GROUP = '/subscriptions/:subscription/resourceGroups/:resourceGroup';

const groupSchema = z.looseObject({
  location: z.string().min(1).max(100).optional(),
  tags: z.record(z.string(), z.string()).nullish(),
});

/**
 * What clients ask the resource manager before they come to jobs: the provider's document and its registration, and the
 * resource group. Every subscription is registered and has every group: here they are names and nothing else.
 */
export function addProviderRoutes(app: Express): void {
  app.get('/subscriptions/:subscription/providers', (request, response) => {
    response.json({ value: [providerView(request.params.subscription)] });
  });
  app.get(PROVIDER, (request, response) => {
    response.json(providerView(request.params.subscription));
  });
  for (const verb of ['register', 'unregister']) {
    app.post(`${PROVIDER}/${verb}`, (request: { params: { subscription: string } }, response) => {
      response.json(providerView(request.params.subscription));
    });
  }
  app.head(GROUP, (_request, response) => {
    response.status(204).end();
  });
  app.get(GROUP, (request, response) => {
    response.json(groupView(request.params, {}));
  });
  app.put(GROUP, (request, response) => {
    response.status(201).json(groupView(request.params, readBody(groupSchema, request.body)));
  });
}

function providerView(subscription: string): Record<string, unknown> {
  const resource = (resourceType: string, capabilities?: string) => ({
    resourceType,
    locations: REGION_NAMES,
    apiVersions: API_VERSIONS,
    ...(capabilities === undefined ? {} : { capabilities }),
  });
  return {
    id: `/subscriptions/${subscription}/providers/Microsoft.Scheduler`,
    namespace: 'Microsoft.Scheduler',
    // Lower case, as the real service's document has it.
    resourceTypes: [
      resource('jobcollections', 'CrossResourceGroupResourceMove, CrossSubscriptionResourceMove'),
      resource('operations'),
      resource('operationResults'),
    ],
    registrationState: 'Registered',
  };
}

function groupView(
  { subscription, resourceGroup }: { readonly subscription: string; readonly resourceGroup: string },
  { location, tags }: z.output<typeof groupSchema>,
): Record<string, unknown> {
  return {
    id: `/subscriptions/${subscription}/resourceGroups/${resourceGroup}`,
    name: resourceGroup,
    location: location ?? 'local',
    ...(tags ? { tags } : {}),
    properties: { provisioningState: 'Succeeded' },
  };
}
