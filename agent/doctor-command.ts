import { Command } from 'commander';
import type { CommandContext } from '../common/runtime/command.ts';

/** `forewarn agent doctor`. */
export function doctorCommand(context: CommandContext, defaultConfig: string): Command {
  return new Command('doctor')
    .description('Checks what the agent depends on, changes nothing, and says how to mend each thing that is wrong.')
    .option('--config <file>', 'settings file', defaultConfig)
    .option('--json', 'print the findings as JSON')
    .addHelpText(
      'after',
      `
Looks at: settings, the running agent (if there is one), metadata service, own name, clock, state folder, balancers, gate,
hooks, tasks, what runs as root, coordinator, and whether a drain fits into the notice. Exit status 1 when anything is wrong.

Examples:
  forewarn agent doctor
  sudo -u forewarn forewarn agent doctor --config /etc/forewarn/agent.yaml
  forewarn agent doctor --json | jq '.findings[] | select(.state == "wrong")'`,
    )
    .action(async (options: { config: string; json?: boolean }) => {
      const { runDoctor } = await import('./doctor/show-findings.ts');
      await runDoctor(context, options.config, options.json === true);
    });
}
