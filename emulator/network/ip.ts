import { spawn } from 'node:child_process';

/** Runs `ip` of iproute2, with lines for its standard input. Rejects with what it said. */
export type Ip = (parameters: readonly string[], lines?: readonly string[]) => Promise<void>;

/** It changes a table of the kernel and ends; when it hangs, the machine does. */
const LIMIT_MS = 10_000;
/** Of its message, which is a line or two. */
const MAX_MESSAGE = 2000;

export const ip: Ip = async (parameters, lines = []) => {
  await runTool('ip', parameters, lines);
};

/** The same for another program that asks the kernel for something and ends. */
export async function runTool(
  program: string,
  parameters: readonly string[],
  lines: readonly string[] = [],
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const child = spawn(program, parameters, { stdio: ['pipe', 'ignore', 'pipe'], timeout: LIMIT_MS });
    let message = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (message.length < MAX_MESSAGE) message += text;
    });
    child.stdin.on('error', () => {
      // It ended before it had read everything; its exit status says why.
    });
    child.on('error', reject);
    child.on('close', (status) => {
      const said = message.trim().replaceAll('\n', '; ');
      if (status === 0) resolve();
      else reject(new Error(`"${program} ${parameters.join(' ')}" failed: ${said === '' ? `status ${status}` : said}`));
    });
    child.stdin.end(lines.map((line) => `${line}\n`).join(''));
  });
}
