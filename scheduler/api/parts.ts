import type { AgreementRecord } from '../../common/agreement/record.ts';
import type { Clock } from '../../common/runtime/clock.ts';
import type { ListenAddress } from '../../common/runtime/listen.ts';
import type { Log } from '../../common/runtime/log.ts';
import type { RandomSource } from '../../common/runtime/random.ts';
import type { Coordination } from '../coordination/coordination.ts';
import type { Access } from '../access/access.ts';
import type { Engine } from '../engine/engine.ts';
import type { Enrolment } from '../enrolment/enrolment.ts';
import type { SchedulerMetrics } from '../metrics/metrics.ts';
import type { Plans } from '../jobs/plans.ts';
import type { Calendars } from '../recurrence/blackout.ts';
import type { Registry } from '../gateway/registry.ts';
import type { Store } from '../store/store.ts';

/** What the HTTP API is built on. */
export interface ApiParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly log: Log;
  readonly engine: Pick<Engine, 'wake' | 'runNow'>;
  readonly registry: Registry;
  readonly enrolment: Enrolment;
  readonly access: Access;
  /** What the plans of collections allow; as documented without. */
  readonly plans?: Plans | undefined;
  /** The region of this replica. */
  readonly region?: string | undefined;
  /** Blackout calendars of the settings. */
  readonly calendars?: Calendars | undefined;
  /** Canonical names of the VMs that have no agent. */
  readonly unmanaged: ReadonlySet<string>;
  /** An operator's word that lets an event go ahead. */
  readonly force: Coordination['force'];
  /** Undefined where they are off. */
  readonly metrics?: Pick<SchedulerMetrics, 'answered' | 'text'> | undefined;
  /** How many commands and connections of agents were refused, by reason. */
  readonly refusals: () => Readonly<Record<string, number>>;
  /** Where the server really listens; known once it does. */
  readonly listening: () => ListenAddress;
  /** What it is called besides, as Host headers have it, in lower case. */
  readonly hosts: ReadonlySet<string>;
  /** The name of a VM of a record as its agent writes it. */
  readonly nameOf: (record: Pick<AgreementRecord, 'scope'>, canonical: string) => string;
}
