import type { Command } from 'commander';
import type { CommandContext } from '../common/runtime/command.ts';

/** One command of `forewarn`, loaded only when it is asked for. */
export interface CommandPart {
  readonly name: string;
  readonly summary: string;
  load(context: CommandContext): Promise<Command>;
}

/**
 * The `forewarn` command. Only the part that was asked for is loaded: the agent stays light, and a broken program cannot
 * keep another from starting.
 */
export const PARTS: readonly CommandPart[] = [
  {
    name: 'emulator',
    summary: 'serve Scheduled Events to a fleet, and freeze, reboot and redeploy its VMs',
    load: async (context) => (await import('../emulator/command.ts')).emulatorCommand(context),
  },
  {
    name: 'agent',
    summary: 'watch for events on this VM, drain it, and approve once every VM has drained',
    load: async (context) => (await import('../agent/command.ts')).agentCommand(context),
  },
  {
    name: 'scheduler',
    summary: 'run jobs, roll maintenance over the fleet, and keep the agreements of the agents',
    load: async (context) => (await import('../scheduler/command.ts')).schedulerCommand(context),
  },
  {
    name: 'events',
    summary: 'show the events the fleet knows: who promised, who approved, what is awaited',
    load: async (context) => (await import('../scheduler/event-commands.ts')).eventsCommand(context),
  },
  {
    name: 'vms',
    summary: 'show the VMs whose agents are known to the scheduler',
    load: async (context) => (await import('../scheduler/operator-commands.ts')).vmsCommand(context),
  },
  {
    name: 'job',
    summary: 'create, list, run and delete jobs, and show their history',
    load: async (context) => (await import('../scheduler/job-commands.ts')).jobCommand(context),
  },
  {
    name: 'collection',
    summary: 'create, list, change and delete job collections: plans, quotas, billing units',
    load: async (context) => (await import('../scheduler/collection-commands.ts')).collectionCommand(context),
  },
  {
    name: 'user',
    summary: 'say who may use the scheduler, and make their tokens',
    load: async (context) => (await import('../scheduler/user-commands.ts')).userCommand(context),
  },
  {
    name: 'demo',
    summary: 'play the whole story on this machine: maintenance over a fleet under load, and no failed request',
    load: async (context) => (await import('../demo/command.ts')).demoCommand(context),
  },
  {
    name: 'completion',
    summary: 'print a script that completes commands and options in your shell',
    load: async (context) => (await import('./completion.ts')).completionCommand(context),
  },
];
