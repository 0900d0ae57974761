import { describeError, systemErrorCode } from '../../common/runtime/errors.ts';
import { AddressRefusedError } from './guarded-agent.ts';

/** Credentials could not be had; nothing was sent to the target. */
export class AuthenticationFailedError extends Error {
  readonly code = 'AUTHENTICATION_FAILED';

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'AuthenticationFailedError';
  }
}

/** In the words of .NET's WebExceptionStatus, which is what clients of the real service match. */
export function describeFailure(error: unknown, host: string): string {
  const refusal = findRefusal(error);
  if (refusal !== undefined) return `AddressRefused ${refusal.message}`;
  if (error instanceof AuthenticationFailedError) return `AuthenticationFailed ${error.message}`;
  const code = systemErrorCode(error) ?? '';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return `NameResolutionFailure The remote name could not be resolved: '${host}'`;
  }
  if (isTimeout(error)) return 'Timeout The operation has timed out';
  if (['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH'].includes(code)) {
    return 'ConnectFailure Unable to connect to the remote server';
  }
  if (/^(DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|CERT_|ERR_TLS_CERT)/.test(code)) {
    return `TrustFailure ${describeError(error)}; the setting http.trust names a file of certificates to trust`;
  }
  if (/^(EPROTO|ERR_SSL_|ERR_TLS_)/.test(code)) return `SecureChannelFailure ${describeError(error)}`;
  return `ConnectionClosed ${describeError(error)}`;
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && (error.name === 'TimeoutError' || /Timeout/.test(error.name));
}

/** The refusal in an error or its causes; libraries wrap what a connection throws. */
export function findRefusal(error: unknown, depth = 0): AddressRefusedError | undefined {
  if (error instanceof AddressRefusedError) return error;
  // A bound, because a cause may (wrongly) point back at its error.
  if (depth > 5) return undefined;
  if (error instanceof AggregateError) {
    return error.errors.map((one) => findRefusal(one, depth + 1)).find((found) => found !== undefined);
  }
  return error instanceof Error && error.cause !== undefined ? findRefusal(error.cause, depth + 1) : undefined;
}
