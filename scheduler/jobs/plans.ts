import { z } from 'zod';
import { FREQUENCIES, type Frequency } from '../recurrence.ts';
import { SKUS, type Sku } from './job.ts';

/** What a plan allows. */
export interface Plan {
  /** In one collection. */
  readonly jobs: number;
  /** Shortest time between two runs. */
  readonly every: { readonly frequency: Frequency; readonly interval: number };
  /** In one subscription. */
  readonly collections: number;
  /** Whether jobs may prove who they are to their targets. */
  readonly authentication: boolean;
  /** Shortest time between two retries that a job may ask for. */
  readonly retryEverySeconds: number;
  /** How many collections one billing unit has; undefined: they cost nothing. */
  readonly collectionsPerUnit: number | undefined;
}

export interface Plans {
  readonly of: Readonly<Record<Sku, Plan>>;
  /** Collections of all plans in one subscription. */
  readonly collections: number;
}

const EVERY_MINUTE = { frequency: 'minute', interval: 1 } as const;
const RETRY_SECONDS = 15;

/**
 * The plans of the documentation ("Plans and Billing", "Scheduler Limits and Defaults"). P20 has 10,000 collections in one
 * table and 5,000 a billing unit in the text; both hold.
 */
export const DOCUMENTED_PLANS: Plans = {
  of: {
    Free: {
      jobs: 5,
      every: { frequency: 'hour', interval: 1 },
      collections: 1,
      authentication: false,
      retryEverySeconds: 3600,
      collectionsPerUnit: undefined,
    },
    Standard: {
      jobs: 50,
      every: EVERY_MINUTE,
      collections: 100,
      authentication: true,
      retryEverySeconds: RETRY_SECONDS,
      collectionsPerUnit: 10,
    },
    P10Premium: {
      jobs: 50,
      every: EVERY_MINUTE,
      collections: 10_000,
      authentication: true,
      retryEverySeconds: RETRY_SECONDS,
      collectionsPerUnit: 10_000,
    },
    P20Premium: {
      jobs: 1000,
      every: EVERY_MINUTE,
      collections: 10_000,
      authentication: true,
      retryEverySeconds: RETRY_SECONDS,
      collectionsPerUnit: 5000,
    },
  },
  collections: 200_000,
};

const count = z.int().positive().max(10_000_000);

const planSchema = z
  .strictObject({
    jobs: count,
    every: z.strictObject({ frequency: z.enum(FREQUENCIES), interval: z.int().positive() }),
    collections: count,
    authentication: z.boolean(),
    retryEverySeconds: z.int().min(RETRY_SECONDS).max(86_400),
  })
  .partial();

/** The setting `plans`: whatever exists only because somebody was billed for it may be set otherwise. */
export const plansSchema = z
  .strictObject({
    Free: planSchema.optional(),
    Standard: planSchema.optional(),
    P10Premium: planSchema.optional(),
    P20Premium: planSchema.optional(),
    collections: count.optional(),
  })
  .default({});

export function plansOf(raw: z.output<typeof plansSchema>): Plans {
  const { of } = DOCUMENTED_PLANS;
  const changed = (sku: Sku): Plan => {
    const { jobs, every, collections, authentication, retryEverySeconds } = { ...of[sku], ...raw[sku] };
    return {
      jobs: jobs ?? of[sku].jobs,
      every: every ?? of[sku].every,
      collections: collections ?? of[sku].collections,
      authentication: authentication ?? of[sku].authentication,
      retryEverySeconds: retryEverySeconds ?? of[sku].retryEverySeconds,
      collectionsPerUnit: of[sku].collectionsPerUnit,
    };
  };
  return {
    of: {
      Free: changed('Free'),
      Standard: changed('Standard'),
      P10Premium: changed('P10Premium'),
      P20Premium: changed('P20Premium'),
    },
    collections: raw.collections ?? DOCUMENTED_PLANS.collections,
  };
}

/** How many collections a subscription has of each plan. */
export type PlanCounts = Readonly<Record<Sku, number>>;

/** What a subscription would be billed: units of each plan that costs something ("Billing and Azure Plans"). */
export function billingUnits(plans: Plans, counts: PlanCounts): Readonly<Record<string, number>> {
  return Object.fromEntries(
    SKUS.map((sku) => {
      const { collectionsPerUnit } = plans.of[sku];
      return [sku, collectionsPerUnit === undefined ? 0 : Math.ceil(counts[sku] / collectionsPerUnit)] as const;
    }),
  );
}
