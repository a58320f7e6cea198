/** Why the host refuses what its user gave it. Failures of the guest's own calls are errnos, never this. */
export type WasiErrorCode =
  /** An option cannot be used: a NUL in an argument, two mounts at one path. */
  | 'bad-option'
  /** The module is not a WASI command, or imports what this host does not have. */
  | 'bad-module'
  /** A saved state does not fit the host it is restored into, or is damaged. */
  | 'bad-state'
  /** A call has to wait, and this host was given no way to wait for that. */
  | 'cannot-wait';

export class WasiError extends Error {
  override readonly name = 'WasiError';
  readonly code: WasiErrorCode;

  constructor(code: WasiErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
