import type { AgreementCommand } from '../../common/agreement/command.ts';
import { changeCoordinator, takeId, type Draft } from './draft.ts';

/** Sends a command about the entry's event; at most one of a kind is under way for an event. */
export function submit(draft: Draft, key: string, command: AgreementCommand): number {
  const id = takeId(draft);
  const number = command.kind === 'report' ? command.number : 0;
  const waiting = { id, key, kind: command.kind, atMs: draft.now.monotonicMs, number };
  changeCoordinator(draft, { outstanding: [...draft.state.coordinator.outstanding, waiting] });
  draft.actions.push({ kind: 'submit', id, command });
  return id;
}

/** Is a command of one of these kinds about the event waiting for its answer? */
export function isWaiting(draft: Draft, key: string, kinds: readonly AgreementCommand['kind'][]): boolean {
  return draft.state.coordinator.outstanding.some(
    (waiting) => waiting.key === key && kinds.some((kind) => kind === waiting.kind),
  );
}
