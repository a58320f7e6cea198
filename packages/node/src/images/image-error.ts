import { OciError, type OciErrorCode } from '@wigeon/oci-client';

/**
 * Why a container cannot have its image; each is the reason that its waiting state shows. The first three are the
 * kubelet's own, the others are particular to Wasm and no retry can mend them.
 */
export type ImageErrorCode =
  | 'InvalidImageName'
  | 'ErrImagePull'
  | 'ErrImageNeverPull'
  | 'ErrImageNotWasm'
  | 'ErrComponentNotSupported'
  | 'ErrModuleMalformed'
  | 'ErrEntrypointNotFound';

/** The only error of the image store, beside a signal's own reason. */
export class ImageError extends Error {
  override readonly name = 'ImageError';
  readonly code: ImageErrorCode;
  /** Whether to try again after a back-off. */
  readonly retryable: boolean;

  constructor(code: ImageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.retryable = code === 'ErrImagePull';
  }

  /** The reason of the waiting state. */
  get waitingReason(): ImageErrorCode {
    return this.code;
  }
}

const CODES: Readonly<Partial<Record<OciErrorCode, ImageErrorCode>>> = {
  invalid_reference: 'InvalidImageName',
  no_wasm: 'ErrImageNotWasm',
  spin_application: 'ErrImageNotWasm',
  unsupported_media_type: 'ErrImageNotWasm',
  no_entrypoint: 'ErrEntrypointNotFound',
  wasm_component: 'ErrComponentNotSupported',
  wasm_malformed: 'ErrModuleMalformed',
};

/** What any failure of a pull means for the pod. */
export function asImageError(error: unknown): ImageError {
  if (error instanceof ImageError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof OciError ? CODES[error.code] : undefined;
  return new ImageError(code ?? 'ErrImagePull', message, { cause: error });
}
