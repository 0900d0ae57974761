import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyCommand, type PlatformCommand } from '../../../emulator/platform/apply.ts';
import { documentFor, type EventsDocument } from '../../../emulator/platform/document.ts';
import { advance, nextDeadline } from '../../../emulator/platform/life.ts';
import type { PlatformState } from '../../../emulator/platform/state.ts';
import { platform, START_MS, vm } from '../support.ts';

const EVENT_IDS = ['A', 'B', 'C'];
const eventId = fc.constantFrom(...EVENT_IDS);
const vmName = fc.constantFrom('web1', 'web2', 'web3', 'web4', 'db1');

const command: fc.Arbitrary<PlatformCommand> = fc.oneof(
  fc.record({
    kind: fc.constant('schedule' as const),
    eventId,
    type: fc.constantFrom('Freeze', 'Reboot', 'Redeploy', 'Preempt', 'Terminate'),
    resources: fc.array(vmName, { minLength: 1, maxLength: 2 }),
    noticeMs: fc.nat(20_000),
    entry: fc.constantFrom('announced', 'announced', 'failure'),
  }),
  fc.record({ kind: fc.constant('approve' as const), vm: vmName, eventIds: fc.array(eventId, { minLength: 1 }) }),
  fc.record({ kind: fc.constant('enable' as const), vm: vmName }),
  fc.record({ kind: fc.constant('remove-vm' as const), vm: fc.constantFrom('web2', 'web4') }),
  fc.constant({ kind: 'add-vm' as const, vm: vm('web4', 'set'), scopeKind: 'availability-set' as const }),
  fc.record({ kind: fc.constantFrom('cancel', 'start', 'complete', 'impact-done'), eventId }),
);

const run = fc.array(fc.record({ command, waitMs: fc.nat(15_000) }), { maxLength: 40 });

/** Feeds a run to a platform and shows every document on the way to `see`. */
function play(
  steps: readonly { readonly command: PlatformCommand; readonly waitMs: number }[],
  see: (before: PlatformState, after: PlatformState, now: number) => void,
): void {
  let state = platform({ startAfterApprovalMs: 2000, impactAfterStartMs: 500, lingerAfterImpactMs: 3000 });
  let now = START_MS;
  const used = new Set<string>();
  for (const step of steps) {
    // Ids are GUIDs: no two events ever share one.
    if (step.command.kind === 'schedule') {
      if (used.has(step.command.eventId)) continue;
      used.add(step.command.eventId);
    }
    const applied = applyCommand(state, step.command, now);
    see(state, applied.state, now);
    state = applied.state;
    const endMs = now + step.waitMs;
    for (let dueMs = nextDeadline(state); dueMs !== undefined && dueMs <= endMs; dueMs = nextDeadline(state)) {
      now = Math.max(now, dueMs);
      const passed = advance(state, now);
      see(state, passed.state, now);
      state = passed.state;
    }
    now = endMs;
  }
}

function documentsOf(state: PlatformState): ReadonlyMap<string, EventsDocument> {
  const documents = new Map<string, EventsDocument>();
  for (const name of ['web1', 'db1']) {
    const found = documentFor(state, name);
    if (found !== undefined) documents.set(name, found.document);
  }
  return documents;
}

describe('whatever happens, the document of an enabled scope', () => {
  it('has another incarnation if and only if its events are others, and never a smaller one', () => {
    fc.assert(
      fc.property(run, (steps) => {
        play(steps, (before, after) => {
          for (const [name, was] of documentsOf(before)) {
            const is = documentsOf(after).get(name);
            if (documentFor(before, name)?.scope.isEnabled !== true || is === undefined) continue;
            const isSame = JSON.stringify(was.Events) === JSON.stringify(is.Events);
            expect(is.DocumentIncarnation === was.DocumentIncarnation).toBe(isSame);
            expect(is.DocumentIncarnation).toBeGreaterThanOrEqual(was.DocumentIncarnation);
          }
        });
      }),
    );
  });

  it('never shows an event go back from Started to Scheduled, nor come back once it has gone', () => {
    fc.assert(
      fc.property(run, (steps) => {
        const last = new Map<string, string>();
        play(steps, (_before, after) => {
          const now = new Map(
            [...documentsOf(after).values()].flatMap((seen) =>
              seen.Events.map((event) => [event.EventId, event.EventStatus] as const),
            ),
          );
          for (const [id, status] of last) {
            const next = now.get(id) ?? 'gone';
            if (status === 'Started') expect(['Started', 'gone']).toContain(next);
            if (status === 'gone') expect(next).toBe('gone');
            last.set(id, next);
          }
          for (const [id, status] of now) last.set(id, status);
        });
      }),
    );
  });

  it('never shows Started before NotBefore unless somebody approved, or the operator started it', () => {
    fc.assert(
      fc.property(
        run.map((steps) => steps.filter((step) => step.command.kind !== 'start')),
        (steps) => {
          play(steps, (_before, after, now) => {
            for (const scope of after.scopes.values()) {
              for (const event of scope.events) {
                const isEarly = event.notBeforeMs !== undefined && now < event.notBeforeMs;
                const hasStarted = event.life.phase !== 'scheduled' && event.life.phase !== 'approved';
                if (isEarly && hasStarted) expect(event.approvals).not.toEqual([]);
              }
            }
          });
        },
      ),
    );
  });
});
