import { Command } from 'commander';
import type { CommandContext } from '../common/runtime/command.ts';
import type { CollectionOptions } from './collection-actions.ts';

const EXAMPLES = `
Examples:
  forewarn collection create shop --location westus --plan Standard --max-job-count 20 --frequency minute --interval 5
  forewarn collection list
  forewarn collection update shop --plan P20Premium
  forewarn collection disable shop             none of its jobs runs until it is enabled
  forewarn collection delete shop              with its jobs and their history
  forewarn collection billing                  what the subscription would be billed`;

/** `forewarn collection`. */
export function collectionCommand(context: CommandContext): Command {
  const command = new Command('collection')
    .description(
      'Creates, lists, changes and deletes job collections: their plan, their quota, whether their jobs run.',
    )
    .addHelpText('after', EXAMPLES);
  const add = (name: string, description: string, example: string): Command => {
    const child = new Command(name)
      .description(description)
      .option('--subscription <id>', 'subscription', 'local')
      .option('--resource-group <name>', 'resource group', 'default')
      .option('--scheduler <url>', 'address of the scheduler (or FOREWARN_SCHEDULER; default http://127.0.0.1:7080)')
      .option('--json', 'as JSON')
      .addHelpText('after', `\nExample:\n  forewarn collection ${example}`);
    command.addCommand(child);
    return child;
  };
  for (const [verb, description, example] of [
    ['create', 'Creates a job collection.', 'create shop --location westus --plan Standard'],
    ['update', 'Changes what the options say of a job collection and leaves the rest.', 'update shop --plan Free'],
  ] as const) {
    add(verb, description, example)
      .argument('<name>')
      .option('--location <region>', 'where its jobs run (default: where the scheduler is)')
      .option('--plan <plan>', 'Free, Standard, P10Premium or P20Premium (default Standard)')
      .option('--max-job-count <number>', 'at most so many jobs')
      .option('--frequency <unit>', 'with --interval: no job runs more often than that; minute, hour, day, week, month')
      .option('--interval <number>', 'with --frequency')
      .option('--state <state>', 'Enabled, Disabled or Suspended')
      .option(
        '--tag <name=value>',
        'a tag; may be repeated',
        (value: string, before: readonly string[] | undefined) => [...(before ?? []), value],
      )
      .action(async (name: string, options: CollectionOptions) => {
        await (await import('./collection-actions.ts')).writeCollection(context, name, verb, options);
      });
  }
  add('list', 'Lists the job collections of a resource group, or of the whole subscription.', 'list --all')
    .option('--all', 'of every resource group')
    .action(async (options: CollectionOptions & { all?: true }) => {
      await (await import('./collection-actions.ts')).listCollections(context, options);
    });
  add('show', 'Shows a job collection.', 'show shop')
    .argument('<name>')
    .action(async (name: string, options: CollectionOptions) => {
      await (await import('./collection-actions.ts')).showCollection(context, name, options);
    });
  for (const [verb, description] of [
    ['enable', 'Lets the jobs of a collection run.'],
    ['disable', 'Lets no job of a collection run.'],
    ['delete', 'Deletes a job collection with its jobs and their history.'],
  ] as const) {
    add(verb, description, `${verb} shop`)
      .argument('<name>')
      .action(async (name: string, options: CollectionOptions) => {
        await (await import('./collection-actions.ts')).changeCollection(context, name, verb, options);
      });
  }
  add('billing', 'Shows what a subscription has of each plan, and the units it would be billed.', 'billing').action(
    async (options: CollectionOptions) => {
      await (await import('./collection-actions.ts')).showBilling(context, options);
    },
  );
  return command;
}
