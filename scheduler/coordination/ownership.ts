import { canonicalName } from '../../common/agreement/names.ts';
import type { AgreementCommand } from '../../common/agreement/command.ts';
import type { VmIdentity } from '../../common/protocol/messages.ts';

/**
 * Whether a command speaks for the VM that sent it, and for nobody else. Promises decide about safety: one stolen or mistaken
 * agent can then at most lie about its own VM.
 */
export function isOwnCommand(identity: VmIdentity, command: AgreementCommand): boolean {
  if (command.scope !== identity.scope) return false;
  const own = canonicalName(identity.name);
  switch (command.kind) {
    case 'report':
    case 'withdraw':
      return canonicalName(command.name) === own && command.vmId === identity.vmId;
    case 'campaign':
    case 'intend':
    case 'approve':
    case 'reopen':
    case 'end':
      return canonicalName(command.holder) === own;
    case 'force':
      return false;
    default:
      return command satisfies never;
  }
}
