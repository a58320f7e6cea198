/**
 * What went wrong, for programs. `retryable` of the error says whether the same request may succeed later; these codes
 * are stable and grouped by whose fault it is.
 */
export type OciErrorCode =
  // The caller's text or file.
  | 'invalid_reference'
  | 'invalid_credentials'
  | 'invalid_configuration'
  // What the registry holds.
  | 'not_found'
  | 'invalid_manifest'
  | 'manifest_too_large'
  | 'unsupported_media_type'
  | 'index_too_deep'
  | 'digest_mismatch'
  | 'size_mismatch'
  // How the registry answers.
  | 'unauthorized'
  | 'denied'
  | 'realm_refused'
  | 'token_failed'
  | 'redirect_refused'
  | 'rate_limited'
  | 'registry_failed'
  | 'unreachable'
  // What the layers hold.
  | 'layer_corrupt'
  | 'layer_limit'
  | 'layer_path'
  | 'diff_id_mismatch'
  // What the image is.
  | 'no_wasm'
  | 'no_entrypoint'
  | 'spin_application'
  | 'wasm_component'
  | 'wasm_malformed';

export interface OciErrorOptions extends ErrorOptions {
  /** Whether the same request may succeed later without anybody changing anything. */
  readonly retryable?: boolean;
  /** HTTP status, where an answer was the reason. */
  readonly status?: number;
  /** Seconds the registry asked to wait. */
  readonly retryAfter?: number;
}

/** The only error that this package throws, beside a signal's own reason. */
export class OciError extends Error {
  override readonly name = 'OciError';
  readonly code: OciErrorCode;
  readonly retryable: boolean;
  readonly status: number | undefined;
  readonly retryAfter: number | undefined;

  constructor(code: OciErrorCode, message: string, options: OciErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.status = options.status;
    this.retryAfter = options.retryAfter;
  }
}
