import { canonicalName } from '../../../common/agreement/names.ts';
import type { Violation } from '../invariants.ts';
import { NOTICE_MS, SCOPE } from '../run-times.ts';
import { EVENT_ID, setStage, UP_MS } from './stage.ts';

/** What random faults reach too rarely, played by hand. Each returns the invariants that it broke. */
const SCENARIOS: Readonly<Record<string, () => readonly Violation[]>> = {
  'a leader reads one empty document': oneEmptyDocument,
  'an event grows under the approval': growsUnderApproval,
  'a VM stands still between two empty documents': standsStill,
  'an event comes back under its id': comesBack,
  'a VM withdraws after an event was reopened': withdrawsAfterReopening,
  'an event starts without notice': startsWithoutNotice,
};

/** Tries until chance has put things in the order that a scenario is about. */
const MOST_SEEDS = 50;

export const SCENARIO_NAMES = Object.keys(SCENARIOS);

export function playScenario(name: string): readonly Violation[] {
  const play = SCENARIOS[name];
  if (play === undefined) throw new Error(`no scenario ${JSON.stringify(name)}`);
  return play();
}

/** Rule 5: a document without the event, once, is no end of it; its record goes on (S6). */
function oneEmptyDocument(): readonly Violation[] {
  const { world, names, nodes, invariants, at } = setStage(3);
  at(UP_MS, () => {
    world.announce(EVENT_ID, 'Reboot', names);
  });
  // One VM is kept from draining, so that the others lead and wait.
  at(UP_MS + 100, () => nodes[2]?.pause(60_000));
  at(UP_MS + 20_000, () => {
    world.metadata.emptyFor(2500);
  });
  for (let ms = UP_MS + 20_000; ms < UP_MS + 40_000; ms += 500)
    at(ms, () => {
      if (world.coordinator.record(EVENT_ID)?.phase === 'ended')
        invariants.violate('S6', 'the record was ended while the event was there');
    });
  world.time.runUntil(UP_MS + NOTICE_MS + 60_000);
  if (!world.approvedByUs.has(EVENT_ID)) invariants.violate('L1', 'not approved in time');
  return invariants.violations;
}

/** Rule 11: the approval counts for a VM that nobody knew of; whoever sent it must say so (A1). */
function growsUnderApproval(): readonly Violation[] {
  // How late an approval is, is random: it is to arrive when the event has just grown, and its new VM is still in service.
  for (let seed = 1; seed <= MOST_SEEDS; seed++) {
    const { world, names, invariants, trace, at } = setStage(3, { latePosts: 1 }, seed);
    world.onIntent.push(({ eventId }) => {
      world.time.after(500, () => {
        world.grow(eventId, names[2] ?? '');
      });
    });
    at(UP_MS, () => {
      world.announce(EVENT_ID, 'Freeze', names.slice(0, 2));
    });
    world.time.runUntil(UP_MS + NOTICE_MS + 60_000);
    if (invariants.residuals.R1 === 0) continue;
    const isTold = trace().some((line) => line.includes('the event names other VMs than those that agreed'));
    if (!isTold) invariants.violate('A1', 'nobody said that a VM was hit that nobody had agreed for');
    return invariants.violations;
  }
  throw new Error('the approval was to arrive when the event had grown');
}

/** Rule 5: between two documents that did not show the event lies a time in which nobody looked (S5). */
function standsStill(): readonly Violation[] {
  const violations: Violation[] = [];
  // Somewhere in the second between two polls lies the moment at which one has been sent and is not yet answered.
  for (let offsetMs = 0; offsetMs < 1000; offsetMs += 10) {
    const { world, names, nodes, invariants, at } = setStage(2);
    at(UP_MS, () => {
      world.announce(EVENT_ID, 'Reboot', names);
    });
    // The other one never promises: the event stays as it is until NotBefore.
    at(UP_MS + 100, () => nodes[1]?.pause(100_000));
    at(UP_MS + 20_000, () => {
      world.metadata.emptyFor(8000);
    });
    at(UP_MS + 24_000 + offsetMs, () => {
      nodes[0]?.pause(20_000);
      // Nor can it look at once when it goes on.
      world.metadata.failFor(30_000, names[0] ?? '');
    });
    world.time.runUntil(UP_MS + 60_000);
    violations.push(...invariants.violations);
  }
  return violations;
}

/** Rule 4: what was promised in an earlier life of the event's id is not about this one (S1). */
function comesBack(): readonly Violation[] {
  const { world, names, nodes, invariants, at } = setStage(3);
  at(UP_MS, () => {
    world.announce(EVENT_ID, 'Reboot', names);
  });
  // One VM keeps the others from approving; another is cut off before it can say that it is back in service.
  at(UP_MS + 100, () => nodes[2]?.pause(10_000));
  at(UP_MS + 7000, () => nodes[1]?.partition(80_000));
  at(UP_MS + 8000, () => {
    world.command({ kind: 'cancel', eventId: EVENT_ID });
  });
  at(UP_MS + 35_000, () => {
    world.announce(EVENT_ID, 'Reboot', names);
    world.metadata.failFor(30_000, names[1] ?? '');
  });
  world.time.runUntil(UP_MS + NOTICE_MS + 120_000);
  return invariants.violations;
}

/** Rule 7: nobody may withdraw from a record that was reopened, for the approval of its intent may still be under way (S8). */
function withdrawsAfterReopening(): readonly Violation[] {
  const { world, names, invariants, at } = setStage(3, { latePosts: 1 });
  const [, name = '', other = ''] = names;
  world.onIntent.push(({ eventId }) => {
    world.grow(eventId, other);
  });
  for (let ms = UP_MS; ms < UP_MS + 60_000; ms += 100)
    at(ms, () => {
      const record = world.coordinator.record(EVENT_ID);
      if (record?.phase !== 'preparing' || !record.everIntent) return;
      const { vmId = '', number = 0 } = record.members[canonicalName(name)] ?? {};
      const event = { scope: SCOPE, eventId: EVENT_ID };
      world.coordinator.submit({ kind: 'withdraw', ...event, name, vmId, number: number + 1 });
    });
  at(UP_MS, () => {
    world.announce(EVENT_ID, 'Reboot', names.slice(0, 2));
  });
  world.time.runUntil(UP_MS + NOTICE_MS + 60_000);
  return invariants.violations;
}

/** Rule 12: there is nothing to promise for what has started, and the VM is out until it is gone. */
function startsWithoutNotice(): readonly Violation[] {
  const { world, names, invariants, at } = setStage(2);
  at(UP_MS, () => {
    world.command({ kind: 'schedule', eventId: EVENT_ID, type: 'Freeze', resources: names, entry: 'failure' });
  });
  for (let ms = UP_MS; ms < UP_MS + 60_000; ms += 200)
    at(ms, () => {
      const members = Object.values(world.coordinator.record(EVENT_ID)?.members ?? {});
      if (members.some(({ promise }) => promise === 'prepared'))
        invariants.violate('S5', 'a promise for what nobody can approve any more');
    });
  world.time.runUntil(UP_MS + 60_000);
  if (world.counters.posts > 0) invariants.violate('S3', 'what has started was approved');
  return invariants.violations;
}
