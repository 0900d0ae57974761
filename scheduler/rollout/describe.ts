import type { RolloutState, RolloutVm } from '../rollout.ts';

/** One line of the timeline about a rollout. */
export interface RolloutNews {
  readonly kind: string;
  readonly vm: string | undefined;
  readonly detail: string;
}

/** What a step of a rollout means to people. */
export function describeStep(before: RolloutState | undefined, after: RolloutState): readonly RolloutNews[] {
  const news: RolloutNews[] = [];
  if (before === undefined) {
    const names = after.vms.map((vm) => vm.name).join(', ');
    news.push({
      kind: 'rollout.started',
      vm: undefined,
      detail: `task ${after.task} over ${names}; at most ${after.maxUnavailable} out at a time`,
    });
  }
  for (const vm of after.vms) {
    const earlier = before?.vms.find((other) => other.key === vm.key);
    const detail = earlier?.phase === vm.phase ? undefined : describePhase(after, vm);
    if (detail !== undefined) news.push({ kind: `rollout.${vm.phase}`, vm: vm.name, detail });
  }
  if (before !== undefined && before.status !== after.status) {
    news.push({ kind: `rollout.${after.status}`, vm: undefined, detail: summarize(after) });
  }
  return news;
}

function describePhase(state: RolloutState, vm: RolloutVm): string | undefined {
  switch (vm.phase) {
    case 'draining':
      return `asked to drain for task ${state.task}`;
    case 'tasking':
      return `drained; asked to run task ${state.task}`;
    case 'restoring':
      return vm.failure === undefined ? 'task done; asked to come back' : `${vm.failure}; asked to come back`;
    case 'settling':
      return 'restored; waiting until it is in rotation and healthy';
    case 'done':
      return 'in rotation and healthy again';
    case 'failed':
      return vm.failure ?? 'failed';
    case 'skipped':
      return 'left as it is: the rollout stopped before it';
    case 'waiting':
      return undefined;
    default:
      return vm.phase satisfies never;
  }
}

/** The rollout as its job's history tells it. */
export function summarize(state: RolloutState): string {
  const counts = (['done', 'failed', 'skipped'] as const)
    .map((phase) => ({ phase, names: state.vms.filter((vm) => vm.phase === phase).map((vm) => vm.name) }))
    .filter(({ names }) => names.length > 0)
    .map(({ phase, names }) => `${names.length} ${phase} (${names.join(', ')})`);
  const reason = state.reason === '' ? '' : `stopped: ${state.reason}; `;
  return `task '${state.task}' ${reason}${counts.join(', ')}`;
}
