import type { SchedulerMessage } from '../common/protocol/messages.ts';
import type { Clock } from '../common/runtime/clock.ts';
import type { Log } from '../common/runtime/log.ts';
import type { Coordinator } from './coordinator/coordinator.ts';
import type { TaskRunner } from './hooks/tasks.ts';
import type { Shell } from './shell.ts';

/** Carries out what the scheduler asks of this VM. */
export function obey(
  order: Extract<SchedulerMessage, { kind: 'drain' | 'task' | 'restore' }>,
  parts: {
    readonly shell: Shell;
    readonly tasks: TaskRunner;
    readonly link: Coordinator | undefined;
    readonly clock: Clock;
    readonly log: Log;
  },
): void {
  const { shell, log } = parts;
  const { workId, attempt } = order;
  log.info({ work_id: workId, attempt, order: order.kind }, 'the scheduler wants something of this VM');
  switch (order.kind) {
    case 'drain':
      shell.observe({
        kind: 'maintenance-drain',
        workId,
        attempt,
        reason: order.reason,
        untilWallMs: order.untilMs,
      });
      return;
    case 'restore':
      shell.observe({ kind: 'maintenance-restore', workId, attempt });
      return;
    case 'task':
      // Never rejects: what goes wrong is the task's result.
      void runTask(order, parts);
      return;
    default:
      order satisfies never;
  }
}

async function runTask(
  order: Extract<SchedulerMessage, { kind: 'task' }>,
  parts: {
    readonly tasks: TaskRunner;
    readonly link: Coordinator | undefined;
    readonly clock: Clock;
  },
): Promise<void> {
  const { workId, attempt, task } = order;
  const tell = (kind: 'task.started' | 'task.done', detail: string): void => {
    parts.link?.tell({ kind: 'activity', activity: { kind, atMs: parts.clock.now(), detail } });
  };
  tell('task.started', `${task}, attempt ${attempt}`);
  const result = await parts.tasks.run(order);
  if (result === undefined) return;
  tell('task.done', `${task} ${result.detail}`.slice(0, 2000));
  const { ok, exitStatus, output, detail } = result;
  parts.link?.tell({
    kind: 'taskDone',
    workId,
    attempt,
    ok,
    exitStatus,
    output: output.slice(0, 32 * 1024),
    detail: detail.slice(0, 2000),
  });
}
