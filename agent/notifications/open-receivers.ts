import { readFile } from 'node:fs/promises';
import type { Dispatcher } from 'undici';
import type { Environment } from '../../common/runtime/environment.ts';
import { describeError, EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';
import type { Receiver, SendResult } from './notifications.ts';
import type { NotificationTarget } from './settings.ts';

/** Statuses after which the same may go through later. */
const PASSING = new Set([408, 425, 429]);

/**
 * The receivers of the settings. Loads the HTTP client (with its proxies) only here, so that an agent that notifies nobody
 * does not carry it. Throws a `UserError` when a secret cannot be read.
 */
export async function openReceivers(
  targets: readonly NotificationTarget[],
  environment: Environment,
): Promise<readonly Receiver[]> {
  return await Promise.all(targets.map(async (target, index) => await openReceiver(target, index, environment)));
}

async function openReceiver(target: NotificationTarget, index: number, environment: Environment): Promise<Receiver> {
  const setting = `notifications[${index}]`;
  const address = target.url ?? (await readSecret(`${setting}.urlFile`, target.urlFile ?? ''));
  if (!URL.canParse(address) || !/^https?:$/.test(new URL(address).protocol))
    throw new UserError('BAD_ADDRESS', `${setting}.urlFile: expected one address of the web in ${target.urlFile}`, {
      exitStatus: EXIT_USAGE,
    });
  const url = new URL(address);
  const { authorizationFile } = target;
  const authorization =
    authorizationFile === undefined ? undefined : await readSecret(`${setting}.authorizationFile`, authorizationFile);
  const { request, Agent, EnvHttpProxyAgent, ProxyAgent } = await import('undici');
  const dispatcher: Dispatcher =
    target.proxy === 'none'
      ? new Agent()
      : target.proxy !== undefined
        ? new ProxyAgent(target.proxy)
        : new EnvHttpProxyAgent(proxiesOf(environment));
  return {
    name: url.host,
    phases: target.phases,
    body: target.body,
    send: async (body): Promise<SendResult> => {
      try {
        const answer = await request(url, {
          method: 'POST',
          dispatcher,
          headers: { 'content-type': 'application/json', ...(authorization === undefined ? {} : { authorization }) },
          body,
          signal: AbortSignal.timeout(target.timeout),
        });
        await answer.body.dump();
        if (answer.statusCode < 300) return { kind: 'sent' };
        const isPassing = answer.statusCode >= 500 || PASSING.has(answer.statusCode);
        return { kind: isPassing ? 'failed' : 'refused', reason: `answered ${answer.statusCode}` };
      } catch (error) {
        return { kind: 'failed', reason: describeError(error) };
      }
    },
  };
}

/** Both spellings are in use (curl, wget, Go); the lower-case one counts first. */
function proxiesOf(environment: Environment): { httpProxy?: string; httpsProxy?: string; noProxy?: string } {
  const pick = (name: string): string => environment[name] ?? environment[name.toUpperCase()] ?? '';
  return { httpProxy: pick('http_proxy'), httpsProxy: pick('https_proxy'), noProxy: pick('no_proxy') };
}

async function readSecret(setting: string, file: string): Promise<string> {
  let text = '';
  try {
    text = (await readFile(file, 'utf8')).trim();
  } catch (error) {
    throw new UserError('SECRET_UNREADABLE', `${setting}: cannot read ${file}: ${describeError(error)}`, {
      exitStatus: EXIT_USAGE,
      cause: error,
    });
  }
  if (text === '' || /[\r\n]/.test(text))
    throw new UserError('SECRET_UNUSABLE', `${setting}: expected one line of text in ${file}`, {
      exitStatus: EXIT_USAGE,
    });
  return text;
}
