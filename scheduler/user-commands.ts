import { Command } from 'commander';
import type { CommandContext } from '../common/runtime/command.ts';
import type { UserOptions } from './user-actions.ts';

const EXAMPLES = `
Roles, each with those before it: reader (look), operator (run, enable, disable), contributor (write, delete), owner (this here).
A scope is "/", or the id of a subscription, a resource group or a job collection.

Examples:
  forewarn user grant ann reader                                   of everything
  forewarn user grant deploy contributor --scope /subscriptions/local
  forewarn user grant night operator --scope /subscriptions/local/resourceGroups/default/providers/Microsoft.Scheduler/jobCollections/shop
  forewarn user token ann --valid 30d > ann.token                  shown this once
  forewarn user list
  forewarn user revoke ann TOKEN-ID
  forewarn user delete ann

Whoever has a token shows it with FOREWARN_SCHEDULER_TOKEN_FILE=ann.token.`;

/** `forewarn user`. */
export function userCommand(context: CommandContext): Command {
  const command = new Command('user')
    .description('Says who may use the scheduler, and makes their tokens.')
    .addHelpText('after', EXAMPLES);
  const add = (name: string, description: string, example: string): Command => {
    const child = new Command(name)
      .description(description)
      .option('--scheduler <url>', 'address of the scheduler (or FOREWARN_SCHEDULER; default http://127.0.0.1:7080)')
      .option('--json', 'as JSON')
      .addHelpText('after', `\nExample:\n  forewarn user ${example}`);
    command.addCommand(child);
    return child;
  };
  add('list', 'Lists users, what they may do, and their tokens (not the secrets).', 'list').action(
    async (options: UserOptions) => {
      await (await import('./user-actions.ts')).listUsers(context, options);
    },
  );
  add('grant', 'Gives a user a role, beside those that he has; creates him if need be.', 'grant ann operator --scope /')
    .argument('<name>')
    .argument('<role>', 'reader, operator, contributor or owner')
    .option('--scope <id>', 'where', '/')
    .action(async (name: string, role: string, options: UserOptions & { scope: string }) => {
      await (await import('./user-actions.ts')).grantRole(context, { name, role, scope: options.scope }, options);
    });
  add('ungrant', 'Takes every role of a user on a scope away.', 'ungrant ann --scope /')
    .argument('<name>')
    .option('--scope <id>', 'where', '/')
    .action(async (name: string, options: UserOptions & { scope: string }) => {
      await (await import('./user-actions.ts')).takeRoles(context, { name, scope: options.scope }, options);
    });
  add('token', 'Makes a token of a user and prints it, this once.', 'token ann --valid 30d > ann.token')
    .argument('<name>')
    .option('--valid <duration>', 'how long it holds, like 8h or 30d (default: until it is revoked)')
    .action(async (name: string, options: UserOptions & { valid?: string }) => {
      await (await import('./user-actions.ts')).issueUserToken(context, name, options);
    });
  add('revoke', 'Revokes a token: whatever uses it is cut off, within 5 s on other replicas.', 'revoke ann 1X9s2aKq')
    .argument('<name>')
    .argument('<token-id>', 'as list shows it')
    .action(async (name: string, id: string, options: UserOptions) => {
      await (await import('./user-actions.ts')).revokeToken(context, { name, id }, options);
    });
  add('delete', 'Deletes a user with all his tokens.', 'delete ann')
    .argument('<name>')
    .action(async (name: string, options: UserOptions) => {
      await (await import('./user-actions.ts')).deleteUser(context, name, options);
    });
  return command;
}
