/** Where a command prints: data to standard output, everything about the command itself to standard error. */
export interface Terminal {
  print(text: string): void;
  printError(text: string): void;
  /** Standard output is a terminal that shows colours (and the user did not ask for none). */
  readonly hasColor: boolean;
}

/** `environment` decides about colour: https://no-color.org and FORCE_COLOR. */
export function systemTerminal(environment: Readonly<Record<string, string | undefined>>): Terminal {
  // A reader that went away (`forewarn events | head -1`) is no failure of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
  return {
    print: (text) => process.stdout.write(`${text}\n`),
    printError: (text) => process.stderr.write(`${text}\n`),
    hasColor:
      (process.stdout.isTTY || environment['FORCE_COLOR'] !== undefined) && (environment['NO_COLOR'] ?? '') === '',
  };
}

/** Rows of text as aligned columns under their headings; `none` stands in for an empty table. */
export function formatTable(headings: readonly string[], rows: readonly (readonly string[])[], none: string): string {
  if (rows.length === 0) return none;
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  return [headings, ...rows]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
