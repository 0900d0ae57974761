import { Command, InvalidArgumentError } from 'commander';
import type { CommandContext } from '../../common/runtime/command.ts';

/** Where a packaged agent keeps its state. */
const DEFAULT_STATE = '/var/lib/forewarn';

/** `forewarn agent history`. */
export function historyCommand(context: CommandContext): Command {
  return new Command('history')
    .description(
      'Tells what happened about the events of this VM: seen, drained, promised, approved, started, gone, restored.',
    )
    .argument('[event]', 'id of an event, or how it begins; without it all events are listed')
    .option('--state <folder>', `state folder of the agent (default: FOREWARN_AGENT_STATE or ${DEFAULT_STATE})`)
    .option('--limit <number>', 'how many events are listed, the newest', positive, 20)
    .option('--json', 'print everything as JSON')
    .addHelpText(
      'after',
      `
It reads the files of the agent, so it also works while the agent does not run.

Examples:
  forewarn agent history
  forewarn agent history 4CAEA225
  forewarn agent history 4CAEA225 --json
  forewarn agent history --state ./disk/agent --limit 5`,
    )
    .action(async (eventId: string | undefined, options: { state?: string; limit: number; json?: boolean }) => {
      const { showHistory } = await import('./show-history.ts');
      const folder = options.state ?? context.environment['FOREWARN_AGENT_STATE'] ?? DEFAULT_STATE;
      await showHistory(context.terminal, { folder, eventId, limit: options.limit, asJson: options.json === true });
    });
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('expected a number of at least 1');
  return value;
}
