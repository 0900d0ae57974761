/** A `server` line of an upstream block: indentation, address, parameters. */
const SERVER_LINE = /^([ \t]*)server[ \t]+([^\s;]+)([^;#\n]*);/gm;

/** How `server` is in the file that nginx includes; undefined when it is not in it. */
export function stateInFile(content: string, server: string): 'up' | 'down' | undefined {
  const found = [...content.matchAll(SERVER_LINE)].filter(([, , address]) => address === server);
  if (found.length === 0) return undefined;
  // Listed twice, it is down when both are.
  return found.every(([, , , parameters = '']) => isDown(parameters)) ? 'down' : 'up';
}

/** The content with `server` marked `down`, or no longer; everything else stays as its operator wrote it. */
export function markInFile(content: string, server: string, state: 'up' | 'down'): string {
  return content.replaceAll(SERVER_LINE, (line: string, indent: string, address: string, parameters: string) => {
    if (address !== server) return line;
    const others = parameters.split(/\s+/).filter((word) => word !== '' && word !== 'down');
    const words = state === 'down' ? [...others, 'down'] : others;
    return `${indent}server ${[address, ...words].join(' ')};`;
  });
}

function isDown(parameters: string): boolean {
  return parameters.split(/\s+/).includes('down');
}
