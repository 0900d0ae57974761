import type { CommandContext } from '../../common/runtime/command.ts';
import { EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';
import { assertFiles } from '../check-files.ts';
import { assertFolders } from '../check-folders.ts';
import { loadAgentSettings } from '../settings.ts';
import { DEFAULT_SETTINGS } from './default-settings.ts';
import { warningsFor } from './warnings.ts';

/** `forewarn agent config --defaults`. */
export function printDefaults(context: CommandContext): void {
  context.terminal.print(DEFAULT_SETTINGS.trimEnd());
}

/** `forewarn agent config --check FILE`: throws a `UserError` with every problem; warnings are printed and no failure. */
export async function checkConfig(context: CommandContext, file: string, asJson: boolean): Promise<void> {
  const settings = await loadAgentSettings(file, context.environment);
  const problems = [await problemOf(assertFolders(settings)), await problemOf(assertFiles(settings))];
  const found = problems.filter((problem) => problem !== undefined);
  if (found.length > 0) throw new UserError('SETTINGS_UNUSABLE', found.join('\n'), { exitStatus: EXIT_USAGE });
  const warnings = warningsFor(settings);
  if (asJson) {
    context.terminal.print(JSON.stringify({ file, warnings }, undefined, 2));
    return;
  }
  for (const warning of warnings) context.terminal.print(`${file}: warning: ${warning}`);
  context.terminal.print(`${file}: no problem found${warnings.length === 0 ? '' : `, ${warnings.length} warnings`}`);
}

async function problemOf(look: Promise<void>): Promise<string | undefined> {
  try {
    await look;
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

/** `forewarn agent config FILE`: the settings as the agent will use them; durations in milliseconds. */
export async function printConfig(context: CommandContext, file: string): Promise<void> {
  const settings = await loadAgentSettings(file, context.environment);
  context.terminal.print(JSON.stringify(settings, undefined, 2));
}
