import type { Express } from 'express';
import { billingUnits, DOCUMENTED_PLANS } from '../jobs/plans.ts';
import { endpoint } from './endpoint.ts';
import type { ApiParts } from './parts.ts';

/** What a subscription has of each plan, what that would be billed as, and how much of it is left. Nobody is billed. */
export function addBillingRoutes(app: Express, { store, plans = DOCUMENTED_PLANS }: ApiParts): void {
  app.get(
    '/forewarn/v1/subscriptions/:subscription/billing',
    endpoint<{ subscription: string }>(async (request, response) => {
      const counts = await store.jobs.countPlans(request.params.subscription);
      const units = billingUnits(plans, counts);
      const value = Object.entries(counts).map(([plan, collections]) => ({
        plan,
        collections,
        units: units[plan] ?? 0,
      }));
      response.json({ subscription: request.params.subscription, plans: value, limits: plans.of });
    }),
  );
}
