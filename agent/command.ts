import { Command } from 'commander';
import type { CommandContext } from '../common/runtime/command.ts';
import { doctorCommand } from './doctor-command.ts';
import { configCommand } from './config-command.ts';
import { historyCommand } from './history/command.ts';
import { operatorCommands } from './operator-commands.ts';
import { privilegedCommand } from './privileged-command.ts';

/** Where a packaged agent has its settings. */
const DEFAULT_CONFIG = '/etc/forewarn/agent.yaml';

/** `forewarn agent` and its verbs. */
export function agentCommand(context: CommandContext): Command {
  const agent = new Command('agent')
    .enablePositionalOptions()
    .description('Watches for scheduled events on this VM, drains it, and approves once every VM has drained.')
    .option('--config <file>', 'settings file', DEFAULT_CONFIG)
    .option('--dry-run', 'decide and say it, but drain nothing, run no hook, promise and approve nothing')
    .addHelpText(
      'after',
      `
Examples:
  forewarn agent --config agent.yaml
  forewarn agent --config agent.yaml --dry-run
  forewarn agent config --check agent.yaml
  forewarn agent status
  forewarn agent status --socket /run/forewarn/agent.sock --json`,
    )
    .action(async (options: { config: string; dryRun?: boolean }) => {
      const { runAgent } = await import('./main.ts');
      await runAgent(context, options.config, { isDryRun: options.dryRun === true });
    });
  for (const verb of operatorCommands(context)) agent.addCommand(verb);
  agent.addCommand(doctorCommand(context, DEFAULT_CONFIG));
  agent.addCommand(configCommand(context));
  agent.addCommand(historyCommand(context));
  agent.addCommand(privilegedCommand());
  return agent;
}
