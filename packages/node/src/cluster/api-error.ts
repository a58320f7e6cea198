/** An answer of the API server that is not a success, or no answer at all (`status` 0). */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  /** metav1.Status.reason, such as `NotFound`, `Conflict`, `AlreadyExists`, `Expired`. */
  readonly reason: string;
  /** Seconds that the server asked us to wait, from `Retry-After`. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    message: string,
    details: { status: number; reason: string; retryAfterSeconds?: number | undefined; cause?: unknown },
  ) {
    super(message, { cause: details.cause });
    this.status = details.status;
    this.reason = details.reason;
    this.retryAfterSeconds = details.retryAfterSeconds;
  }
}

export function isApiError(error: unknown, status: number): error is ApiError {
  return error instanceof ApiError && error.status === status;
}
