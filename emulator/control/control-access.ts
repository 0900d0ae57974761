import type { Log } from '../../common/runtime/log.ts';
import type { ControlAccessSettings } from '../fleet/control-schema.ts';
import type { ControlAccess } from './control-guard.ts';
import { controlToken, isReadableByOthers, readTokenFile } from './control-token.ts';

/** Who may use the control API, with the token read. Throws a `UserError` for a token file that is none. */
export async function readControlAccess({ tokenFile, hosts }: ControlAccessSettings, log: Log): Promise<ControlAccess> {
  if (tokenFile === undefined) return { token: undefined, hosts };
  const token = controlToken(await readTokenFile(tokenFile, 'controlToken.file'));
  if (await isReadableByOthers(tokenFile)) {
    log.warn(
      { file: tokenFile },
      'every user of this machine can read the token of the control API; chmod 600 mends it',
    );
  }
  return { token, hosts };
}
