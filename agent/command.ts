import { Command } from 'commander';
import type { CommandContext } from '../common/runtime/command.ts';
import { privilegedCommand } from './privileged-command.ts';

/** Where a packaged agent has its settings and its socket. */
const DEFAULT_CONFIG = '/etc/forewarn/agent.yaml';
const DEFAULT_SOCKET = '/run/forewarn/agent.sock';

/** `forewarn agent` and its verbs. */
export function agentCommand(context: CommandContext): Command {
  const agent = new Command('agent')
    .description('Watches for scheduled events on this VM, drains it, and approves once every VM has drained.')
    .option('--config <file>', 'settings file', DEFAULT_CONFIG)
    .addHelpText(
      'after',
      `
Examples:
  forewarn agent --config agent.yaml
  forewarn agent check agent.yaml
  forewarn agent status
  forewarn agent status --socket /run/forewarn/agent.sock --json`,
    )
    .action(async (options: { config: string }) => {
      const { runAgent } = await import('./main.ts');
      await runAgent(context, options.config);
    });
  agent
    .command('status')
    .description('Shows what the agent on this VM sees, has promised, and waits for.')
    .option('--socket <path>', `control socket of the agent (default: FOREWARN_AGENT_SOCKET or ${DEFAULT_SOCKET})`)
    .option('--json', 'print the whole status as JSON')
    .addHelpText(
      'after',
      `
Examples:
  forewarn agent status
  forewarn agent status --socket ./disk/agent.sock --json`,
    )
    .action(async (options: { socket?: string; json?: boolean }) => {
      const { showStatus } = await import('./status/show-status.ts');
      const socket = options.socket ?? context.environment['FOREWARN_AGENT_SOCKET'] ?? DEFAULT_SOCKET;
      await showStatus(context.terminal, socket, options.json === true);
    });
  agent
    .command('check')
    .description('Checks a settings file and reports every problem in it; starts nothing.')
    .argument('<file>', 'settings file')
    .addHelpText('after', '\nExamples:\n  forewarn agent check /etc/forewarn/agent.yaml')
    .action(async (file: string) => {
      const { checkAgentSettings } = await import('./main.ts');
      await checkAgentSettings(context, file);
      context.terminal.print(`${file}: no problem found`);
    });
  agent.addCommand(privilegedCommand());
  return agent;
}
