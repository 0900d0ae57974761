import { Command } from 'commander';
import type { CommandContext } from '../../common/runtime/command.ts';

export interface RecordCommandOptions {
  readonly from: string;
  readonly out: string;
  readonly interval: string;
  readonly for?: string;
}

export interface ReplayCommandOptions {
  readonly listen: string;
  readonly speed: string;
}

/** `forewarn emulator record` */
export function recordCommand(context: CommandContext): Command {
  return new Command('record')
    .summary('write down what a real endpoint answers over time')
    .description(
      'Asks a metadata endpoint for its events, once per second, and writes every answer that is another than the one before, with status and headers, until it is interrupted. It approves nothing.',
    )
    .requiredOption('--from <url>', 'the endpoint; path and api-version (2020-07-01) are added where they are missing')
    .requiredOption('--out <file>', 'the recording, JSON lines; must not be there yet')
    .option('--interval <duration>', 'time between two requests', '1s')
    .option('--for <duration>', 'end after this time')
    .addHelpText(
      'after',
      `
Examples, on a VM of Azure's, and anywhere else:
  forewarn emulator record --from http://169.254.169.254 --out events.jsonl
  forewarn emulator record --from http://127.0.0.1:7071 --out events.jsonl --for 10m

Examples:
  forewarn emulator replay events.jsonl --listen 127.0.0.1:7071`,
    )
    .action(async (options: RecordCommandOptions) => {
      const { runRecord } = await import('./run-record.ts');
      await runRecord(context, options);
    });
}

/** `forewarn emulator replay` */
export function replayCommand(): Command {
  return new Command('replay')
    .summary('serve a recording again, at its own pace')
    .description(
      'Serves what "record" wrote, from the beginning, as fast as it was. Every GET gets the answer of that moment, whatever path and version it asks for; an approval is answered with 200 and changes nothing.',
    )
    .argument('<file>', 'the recording')
    .option('--listen <address>', 'where, on loopback; port 0 takes any free one', '127.0.0.1:7071')
    .option('--speed <factor>', 'how much faster than it was', '1')
    .addHelpText(
      'after',
      `
Examples:
  forewarn emulator replay events.jsonl
  forewarn emulator replay events.jsonl --listen 127.0.0.1:0 --speed 60`,
    )
    .action(async (file: string, options: ReplayCommandOptions) => {
      const { runReplay } = await import('./run-record.ts');
      await runReplay(file, options);
    });
}
