import { Argument, Command } from 'commander';
import type { CommandContext } from '../common/runtime/command.ts';
import { PARTS } from './parts.ts';

const SHELLS = ['bash', 'zsh'] as const;
type Shell = (typeof SHELLS)[number];

/** `forewarn completion SHELL`: prints a script that teaches the shell the commands and options of this version. */
export function completionCommand(context: CommandContext): Command {
  return new Command('completion')
    .description('Prints a script that completes commands and options in your shell.')
    .addArgument(new Argument('<shell>', 'whose script').choices(SHELLS))
    .addHelpText(
      'after',
      `
Examples:
  source <(forewarn completion bash)                              in this shell
  forewarn completion bash > ~/.local/share/bash-completion/completions/forewarn   in all that follow
  source <(forewarn completion zsh)                               in zsh, after compinit`,
    )
    .action(async (shell: Shell) => {
      context.terminal.print(completionScript(shell, await learnWords(context)));
    });
}

/** Words that may follow, by the path of commands before them: `''`, `emulator`, `emulator reboot`. */
export type CompletionWords = ReadonlyMap<string, readonly string[]>;

/** Asks every part for its commands and options, so that the script cannot tell of others. */
export async function learnWords(context: CommandContext): Promise<CompletionWords> {
  const words = new Map<string, readonly string[]>([['', [...PARTS.map((part) => part.name), '--help', '--version']]]);
  for (const part of PARTS) {
    // Itself, which would ask for itself for ever.
    if (part.name === 'completion') words.set('completion', [...SHELLS, '--help']);
    else addWords(words, part.name, await part.load(context));
  }
  return words;
}

function addWords(words: Map<string, readonly string[]>, path: string, command: Command): void {
  const options = command.options.flatMap((option) => option.long ?? []);
  words.set(path, [...command.commands.map((child) => child.name()), ...options, '--help']);
  for (const child of command.commands) addWords(words, `${path} ${child.name()}`, child);
}

/** The script itself. Words are names and options of ours: letters, digits and hyphens, nothing that a shell would expand. */
export function completionScript(shell: Shell, words: CompletionWords): string {
  const cases = [...words].map(([path, next]) => `    "${path}") words="${next.join(' ')}" ;;`).join('\n');
  const script = `_forewarn() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" words="" word index
  for ((index = 1; index < COMP_CWORD; index++)); do
    word="\${COMP_WORDS[index]}"
    case "$word" in -*) continue ;; esac
    case " ${[...words.keys()]
      .filter((path) => path !== '')
      .map((path) => path.replace(' ', '/'))
      .join(' ')} " in
      *" \${path:+\${path// //}/}$word "*) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path" in
${cases}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [ \${#COMPREPLY[@]} = 0 ] && COMPREPLY=($(compgen -f -- "$current"))
}
complete -o filenames -F _forewarn forewarn`;
  return shell === 'zsh' ? `autoload -U +X bashcompinit && bashcompinit\n${script}` : script;
}
