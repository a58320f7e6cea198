import { OciError } from '../error.ts';
import { readLimited } from './read-limited.ts';
import { parseRetryAfter } from './retry.ts';

const BODY_LIMIT = 64 * 1024;

/** The error for an answer that is not a success: status, and what the registry says in its JSON (distribution-spec "Error codes"). */
export async function answerError(response: Response, what: string, now: number): Promise<OciError> {
  const { status } = response;
  const told = await detail(response);
  const retryAfter = parseRetryAfter(response.headers.get('retry-after'), now);
  const message = `${what}: the registry answered ${status}${told ? ` (${told})` : ''}`;
  const code =
    status === 401
      ? 'unauthorized'
      : status === 403
        ? 'denied'
        : status === 404
          ? 'not_found'
          : status === 413
            ? 'manifest_too_large'
            : status === 429
              ? 'rate_limited'
              : 'registry_failed';
  return new OciError(code, message, {
    status,
    retryable: status >= 500 || status === 429 || status === 408,
    ...(retryAfter === undefined ? {} : { retryAfter: Math.ceil(retryAfter / 1000) }),
  });
}

async function detail(response: Response): Promise<string> {
  try {
    const body = JSON.parse(new TextDecoder().decode(await readLimited(response, BODY_LIMIT, 'the error')));
    const errors: unknown = body?.errors;
    if (!Array.isArray(errors)) return '';
    return errors
      .slice(0, 3)
      .map((error) => [error?.code, error?.message].filter((part) => typeof part === 'string').join(': '))
      .join('; ')
      .slice(0, 500);
  } catch {
    return '';
  }
}
