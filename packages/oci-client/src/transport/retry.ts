/** When to ask again. Delays are milliseconds. */
export interface RetryPolicy {
  /** Requests in all, the first included. */
  readonly attempts: number;
  readonly firstDelay: number;
  readonly longestDelay: number;
  /** A longer `Retry-After` is not waited for; the error carries it. */
  readonly longestRetryAfter: number;
}

export const defaultRetryPolicy: RetryPolicy = {
  attempts: 5,
  firstDelay: 250,
  longestDelay: 10_000,
  longestRetryAfter: 60_000,
};

/** Statuses that say "later", not "no". */
export function isTransientStatus(status: number): boolean {
  return status === 408 || status === 429 || status === 500 || status === 502 || status === 503 || status === 504;
}

/** Exponential with full jitter above the half, so that many clients do not come back together. */
export function retryDelay(policy: RetryPolicy, attempt: number, random: () => number): number {
  const full = Math.min(policy.longestDelay, policy.firstDelay * 2 ** attempt);
  return full / 2 + (full / 2) * random();
}

/** Milliseconds of a `Retry-After` header, seconds or a date (RFC 9110, section 10.2.3). */
export function parseRetryAfter(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  if (/^\d+$/.test(header.trim())) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
