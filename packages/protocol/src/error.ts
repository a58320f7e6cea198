/** Why a peer's bytes were refused. Sent to the peer as `error.code` before the connection is closed. */
export type ProtocolErrorCode = 'malformed' | 'too-large' | 'out-of-protocol' | 'unsupported-version' | 'unauthorized';

/** A peer broke the protocol. It ends that peer's connection and nothing else. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
  readonly code: ProtocolErrorCode;

  constructor(code: ProtocolErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
