import { Command } from 'commander';

/** `forewarn agent privileged`: what the root-owned unit runs; people have no use for it but to try their actions. */
export function privilegedCommand(): Command {
  return new Command('privileged')
    .description(
      'Answers one request of a confined agent, on standard input and output. For forewarn-privileged@.service.',
    )
    .option('--folder <path>', 'what may be run', '/etc/forewarn/privileged.d')
    .option('--locks <path>', 'where it is kept what is running', '/run/forewarn-privileged')
    .addHelpText(
      'after',
      `
Runs one file of the folder, which only root may be able to write:
  FOLDER/NAME          an action, for drains: words as arguments, JSON on standard input
  FOLDER/PHASE/NAME    a hook
  FOLDER/tasks/NAME    a task, its parameters declared in NAME.yaml

Examples:
  echo '{"kind":"action","action":"nginx-drain","words":["read"],"timeoutMs":5000}' | sudo forewarn agent privileged
  systemctl list-units 'forewarn-privileged@*'`,
    )
    .action(async (options: { folder: string; locks: string }) => {
      const { servePrivileged } = await import('./privileged/main.ts');
      await servePrivileged(options.folder, options.locks);
    });
}
