import { Command } from 'commander';
import type { CommandContext } from '../common/runtime/command.ts';

const DEFAULT_SOCKET = '/run/forewarn/agent.sock';

interface SocketOptions {
  readonly socket?: string;
  readonly json?: boolean;
}

/** `status`, `events`, `drain`, `restore`, `withdraw`: what an operator asks of the agent that runs on this VM. */
export function operatorCommands(context: CommandContext): readonly Command[] {
  const { terminal } = context;
  const socketOf = (options: SocketOptions): string =>
    options.socket ?? context.environment['FOREWARN_AGENT_SOCKET'] ?? DEFAULT_SOCKET;
  const verb = (name: string, description: string, examples: readonly string[]): Command =>
    new Command(name)
      .description(description)
      .option('--socket <path>', `control socket of the agent (default: FOREWARN_AGENT_SOCKET or ${DEFAULT_SOCKET})`)
      .option('--json', 'print the answer as JSON')
      .addHelpText('after', `\nExamples:\n${examples.map((example) => `  ${example}`).join('\n')}`);
  return [
    verb('status', 'Shows what the agent on this VM sees, has promised, and waits for.', [
      'forewarn agent status',
      'forewarn agent status --socket ./disk/agent.sock --json',
    ]).action(async (options: SocketOptions) => {
      const { showStatus } = await import('./status/show-status.ts');
      await showStatus(terminal, socketOf(options), options.json === true);
    }),
    verb('events', 'Shows the scheduled events that name this VM, and how far each has come.', [
      'forewarn agent events',
      'forewarn agent events --json',
    ]).action(async (options: SocketOptions) => {
      const { showEvents } = await import('./status/show-status.ts');
      await showEvents(terminal, socketOf(options), options.json === true);
    }),
    verb('drain', 'Takes this VM out of rotation until "restore", for a while at most.', [
      'forewarn agent drain --reason "kernel upgrade" --for 2h',
      'forewarn agent drain --wait 5m && apt-get upgrade && forewarn agent restore',
    ])
      .option('--reason <text>', 'why, for the log and the status', "the operator's wish")
      .option('--for <duration>', 'it ends by itself after this long', '8h')
      .option('--wait <duration>', 'return once the drain is proven; exit status 1 when it is not by then')
      .action(async (options: SocketOptions & { reason: string; for: string; wait?: string }) => {
        const { drainVm } = await import('./operate.ts');
        await drainVm(terminal, socketOf(options), options);
      }),
    verb('restore', "Ends the operator's own drain; the VM comes back unless an event or a job keeps it out.", [
      'forewarn agent restore',
    ]).action(async (options: SocketOptions) => {
      const { restoreVm } = await import('./operate.ts');
      await restoreVm(terminal, socketOf(options), options.json === true);
    }),
    verb('withdraw', 'Keeps this VM in service although an event names it; nobody will approve that event.', [
      'forewarn agent events',
      'forewarn agent withdraw 602d9444-d2cd-49c7-8624-8643e7171297',
    ])
      .argument('<event>', 'id of the event; refused once an approval may be under way')
      .action(async (event: string, options: SocketOptions) => {
        const { withdrawVm } = await import('./operate.ts');
        await withdrawVm(terminal, socketOf(options), { event, json: options.json === true });
      }),
  ];
}
