import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/**
 * systemd does not run where tests do: a stand-in for systemctl over one unit, which is a file that holds its state. It knows
 * `stop`, `start` and `show`, and like systemd calls a unit that does not exist inactive.
 */
export async function standInSystemd(): Promise<{
  readonly folder: string;
  readonly program: string;
  /** The file that is `web.service`. */
  readonly unit: string;
}> {
  const folder = await mkdtemp(path.join(tmpdir(), 'forewarn-units-'));
  const program = path.join(folder, 'systemctl');
  const unit = path.join(folder, 'web.service');
  await writeFile(unit, 'active');
  await writeFile(
    program,
    `#!/bin/sh
for last; do :; done
load=not-found active=inactive
[ -e "${folder}/$last" ] && load=loaded active=$(cat "${folder}/$last")
case " $* " in
  *' stop '*) echo inactive >"${folder}/$last" ;;
  *' start '*) echo active >"${folder}/$last" ;;
  *' --property=LoadState --value '*) echo "$load" ;;
  *' --property=ActiveState --value '*) echo "$active" ;;
  *) echo "LoadState=$load"; echo "ActiveState=$active" ;;
esac
`,
    { mode: 0o755 },
  );
  return { folder, program, unit };
}
