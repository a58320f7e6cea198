/** What went wrong, grouped by whose fault it is: the module's author, the snapshot's, the caller's, ours. */
export type SuspendErrorCode =
  | 'module-malformed'
  | 'module-unsupported'
  | 'module-too-large'
  | 'snapshot-malformed'
  | 'snapshot-mismatch'
  | 'snapshot-unsupported'
  | 'not-instrumented'
  | 'bad-state'
  | 'stack-too-deep';

/** The one error type of this package. `offset` is a byte offset into the input (module or snapshot) where known. */
export class SuspendError extends Error {
  readonly code: SuspendErrorCode;
  readonly offset: number | undefined;

  constructor(code: SuspendErrorCode, message: string, options: { offset?: number; cause?: unknown } = {}) {
    super(
      options.offset === undefined ? message : `${message} (at byte ${options.offset})`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.name = 'SuspendError';
    this.code = code;
    this.offset = options.offset;
  }
}
