import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ANSWERS, badVersion } from '../../../emulator/metadata/answer.ts';
import { renderEvents } from '../../../emulator/metadata/render-events.ts';
import { EVENT_VERSIONS, INSTANCE_VERSIONS } from '../../../emulator/metadata/versions.ts';
import {
  EVENT_TYPES,
  type EventLife,
  type EventSource,
  type EventType,
  type PlatformEvent,
  type ScopeState,
} from '../../../emulator/platform/state.ts';

function golden(name: string): string {
  return readFileSync(new URL(`../../fixtures/metadata/${name}.json`, import.meta.url), 'utf8');
}

const SCHEDULED: EventLife = { phase: 'scheduled' };
const STARTED: EventLife = { phase: 'impact', startedAtMs: 0, impactStartedAtMs: 0 };

function event(
  id: string,
  type: EventType,
  resources: readonly string[],
  more: {
    readonly notBefore: string;
    readonly life?: EventLife;
    readonly description?: string;
    readonly source: EventSource;
    readonly durationSeconds?: number;
  },
): PlatformEvent {
  return {
    id,
    type,
    scope: 'set',
    resources,
    description: more.description ?? '',
    source: more.source,
    durationSeconds: more.durationSeconds ?? -1,
    scheduledAtMs: 0,
    notBeforeMs: Date.parse(more.notBefore),
    approvals: [],
    life: more.life ?? SCHEDULED,
  };
}

const AVAILABILITY_SET: ScopeState = {
  name: 'set',
  kind: 'availability-set',
  isEnabled: true,
  incarnation: 6,
  events: [
    event('0A11CE00-0000-4000-A000-000000000001', 'Freeze', ['web1'], {
      notBefore: '2016-09-19T18:29:47Z',
      description: 'Virtual machine is being paused because of a memory-preserving Live Migration operation.',
      source: 'Platform',
      durationSeconds: 9,
    }),
    event('0A11CE00-0000-4000-A000-000000000002', 'Reboot', ['web1', 'web2'], {
      notBefore: '2016-09-19T18:29:47Z',
      life: STARTED,
      description: 'Virtual machine is going to be restarted as requested by authorized user.',
      source: 'User',
    }),
    event('0A11CE00-0000-4000-A000-000000000003', 'Preempt', ['web2'], {
      notBefore: '2016-09-19T18:15:17Z',
      source: 'Platform',
    }),
    event('0A11CE00-0000-4000-A000-000000000004', 'Terminate', ['web2'], {
      notBefore: '2016-09-19T18:19:47Z',
      source: 'User',
    }),
  ],
};

const ONE_OF_EACH: Readonly<Record<EventType, PlatformEvent>> = {
  Freeze: event('0A11CE00-0000-4000-A000-000000000011', 'Freeze', ['web1'], {
    notBefore: '2016-09-19T18:29:47Z',
    description: 'Virtual machine is being paused because of a memory-preserving Live Migration operation.',
    source: 'Platform',
    durationSeconds: 5,
  }),
  Reboot: event('0A11CE00-0000-4000-A000-000000000012', 'Reboot', ['web1'], {
    notBefore: '2016-09-19T18:29:47Z',
    description: 'Virtual machine is going to be restarted as requested by authorized user.',
    source: 'User',
  }),
  Redeploy: event('0A11CE00-0000-4000-A000-000000000013', 'Redeploy', ['web1'], {
    notBefore: '2016-09-19T18:24:47Z',
    description: 'Host server is undergoing an emergency repair.',
    source: 'Platform',
  }),
  Preempt: event('0A11CE00-0000-4000-A000-000000000014', 'Preempt', ['web1'], {
    notBefore: '2016-09-19T18:15:17Z',
    source: 'Platform',
  }),
  Terminate: event('0A11CE00-0000-4000-A000-000000000015', 'Terminate', ['web1'], {
    notBefore: '2016-09-19T18:19:47Z',
    source: 'User',
  }),
};

describe('the rendered document', () => {
  it('is byte for byte what the real service sent for a reboot', () => {
    const scope: ScopeState = {
      name: 'flatcar-vm1',
      kind: 'stand-alone',
      isEnabled: true,
      incarnation: 2,
      events: [
        event('4CAEA225-A741-474D-A72E-428C86FCD853', 'Reboot', ['flatcar-vm1'], {
          notBefore: '2021-07-22T04:50:17Z',
          source: 'User',
        }),
      ],
    };
    expect(renderEvents(scope, '2020-07-01')).toBe(golden('2020-07-01-reboot-scheduled.captured'));
  });

  it.each(EVENT_VERSIONS)('in version %s has exactly the fields, types and names of that version', (version) => {
    expect(renderEvents(AVAILABILITY_SET, version)).toBe(golden(`${version}-availability-set.derived`));
  });

  it('puts no underscore before the names of cloud service instances, in any version', () => {
    const scope: ScopeState = {
      ...AVAILABILITY_SET,
      kind: 'cloud-service',
      incarnation: 1,
      events: [
        event('0A11CE00-0000-4000-A000-000000000005', 'Redeploy', ['FrontEnd_IN_0', 'BackEnd_IN_0'], {
          notBefore: '2016-09-19T18:24:47Z',
          source: 'Platform',
        }),
      ],
    };
    expect(renderEvents(scope, '2017-03-01')).toBe(golden('2017-03-01-cloud-service.derived'));
  });

  it.each(EVENT_VERSIONS.flatMap((version) => EVENT_TYPES.map((type) => [version, type] as const)))(
    'in version %s shows a %s in both statuses as that version does',
    (version, type) => {
      for (const status of ['scheduled', 'started'] as const) {
        const scope: ScopeState = {
          ...AVAILABILITY_SET,
          incarnation: status === 'scheduled' ? 2 : 3,
          events: [{ ...ONE_OF_EACH[type], life: status === 'scheduled' ? SCHEDULED : STARTED }],
        };
        const file = `${version}/${type.toLowerCase()}-${status}.derived`;
        expect(renderEvents(scope, version), file).toBe(golden(file));
      }
    },
  );

  it.each(['approved', 'lingering'] as const)('does not show that an event is %s', (phase) => {
    const lives: Record<typeof phase, EventLife> = {
      approved: { phase: 'approved', startsAtMs: 1 },
      lingering: { phase: 'lingering', startedAtMs: 0, impactStartedAtMs: 0, impactEndedAtMs: 0, goneAtMs: 1 },
    };
    const scope = (life: EventLife): ScopeState => ({ ...AVAILABILITY_SET, events: [{ ...ONE_OF_EACH.Freeze, life }] });
    const seen = phase === 'approved' ? SCHEDULED : STARTED;
    expect(renderEvents(scope(lives[phase]), '2020-07-01')).toBe(renderEvents(scope(seen), '2020-07-01'));
  });

  it('of a quiet scope has an empty array', () => {
    const scope = { ...AVAILABILITY_SET, incarnation: 1, events: [] };
    expect(renderEvents(scope, '2020-07-01')).toBe(golden('2020-07-01-empty.derived'));
  });
});

describe('the errors', () => {
  it('are byte for byte those of the real service', () => {
    expect(ANSWERS.headerMissing.body).toBe(golden('error-400-header-missing.captured'));
    expect(badVersion(INSTANCE_VERSIONS).body).toBe(golden('error-400-instance-version.captured'));
  });
});
