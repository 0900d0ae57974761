import {
  agentMessageSchema,
  anyHelloSchema,
  PROTOCOL_VERSION,
  type AgentMessage,
} from '../../common/protocol/messages.ts';

/** What an agent has sent, as far as it is understood. */
export type Parsed =
  | { readonly kind: 'valid'; readonly message: AgentMessage }
  /** A `hello` of another protocol version, whatever else is in it; with the VM that it says it is. */
  | { readonly kind: 'other-protocol'; readonly reason: string; readonly claimed: Claimed | undefined }
  | { readonly kind: 'invalid'; readonly reason: string };

/** Whom an agent says it speaks for, not proven yet. */
export interface Claimed {
  readonly scope: string;
  readonly name: string;
}

export function parseMessage(text: string): Parsed {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { kind: 'invalid', reason: 'it is no JSON' };
  }
  // First of all: what another version says besides may be anything.
  const hello = anyHelloSchema.safeParse(value);
  if (hello.success && hello.data.protocol !== PROTOCOL_VERSION)
    return {
      kind: 'other-protocol',
      reason: `this scheduler speaks protocol ${PROTOCOL_VERSION}, the agent ${hello.data.protocol}; install the same version of both`,
      claimed: hello.data.identity,
    };
  const result = agentMessageSchema.safeParse(value);
  if (result.success) return { kind: 'valid', message: result.data };
  const issue = result.error.issues[0];
  return {
    kind: 'invalid',
    reason: `${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? ''}`.slice(0, 300),
  };
}
