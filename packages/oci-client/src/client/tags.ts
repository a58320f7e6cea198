import { OciError } from '../error.ts';
import { answerError } from '../transport/answer-error.ts';
import { readLimited } from '../transport/read-limited.ts';
import { apiUrl, firstThatAnswers, type OperationOptions, pullScope, type Session } from './session.ts';

const PAGE_LIMIT = 4 * 1024 * 1024;
const PAGES = 10_000;

/**
 * All tags, sorted and without doubles: registries exist that ignore paging and sort nothing (docker-registry 2.8).
 *
 * @throws OciError `not_found` for an unknown repository
 */
export function listTags(
  session: Session,
  options: OperationOptions & { readonly pageSize?: number } = {},
): Promise<string[]> {
  const pageSize = options.pageSize ?? 1000;
  return firstThatAnswers(session, 'resolve', options.signal, async (endpoint) => {
    const tags = new Set<string>();
    const query: Record<string, string> = { n: String(pageSize) };
    for (;;) {
      const before = tags.size;
      const url = apiUrl(endpoint, session.repository, 'tags/list', query);
      let last: string | undefined;
      for await (const page of pages(session, url, session.credentialFor(endpoint), options)) {
        const list = (page as { tags?: unknown } | null)?.tags ?? [];
        if (!Array.isArray(list)) {
          throw new OciError('registry_failed', `the tag list of ${session.repository} is not a list`);
        }
        for (const tag of list) if (typeof tag === 'string') tags.add(tag);
        last = list.length >= pageSize ? list.at(-1) : undefined;
      }
      // A full page without a link: go-containerregistry cuts there and says nothing. Others give all of it again.
      if (last === undefined || tags.size === before) return [...tags].sort();
      query.last = last;
    }
  });
}

/** Follows `Link: <…>; rel="next"` and yields each page's JSON; a next page on another origin is not asked for. */
export async function* pages(
  session: Session,
  first: URL,
  credential: Parameters<Session['transport']['send']>[0]['credential'],
  { signal }: OperationOptions,
  onResponse: (response: Response) => void = () => {},
): AsyncGenerator<unknown, void, undefined> {
  const seen = new Set<string>();
  for (let url: URL | undefined = first; url && !seen.has(url.href) && seen.size < PAGES; ) {
    seen.add(url.href);
    const what = `${url.pathname} of ${url.host}`;
    const response = await session.transport.send({
      url,
      method: 'GET',
      headers: { accept: 'application/json, application/vnd.oci.image.index.v1+json' },
      scopes: [pullScope(session.repository)],
      credential,
      signal,
    });
    onResponse(response);
    if (!response.ok) throw await answerError(response, what, session.transport.now());
    const bytes = await readLimited(response, PAGE_LIMIT, what);
    try {
      yield JSON.parse(new TextDecoder().decode(bytes));
    } catch (cause) {
      throw new OciError('registry_failed', `${what} is not JSON`, { cause });
    }
    url = nextLink(response.headers.get('link'), url);
  }
}

/** The target of `rel="next"` (RFC 8288), if it is on the same origin. */
export function nextLink(header: string | null, base: URL): URL | undefined {
  for (const [, target, parameters] of (header ?? '').matchAll(
    /<([^>]*)>((?:\s*;\s*[\w*]+\s*=\s*(?:"[^"]*"|[^",;\s]*))*)/g,
  )) {
    if (!/;\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next\b)/i.test(parameters!)) continue;
    const url = URL.parse(target!, base);
    return url?.origin === base.origin ? url : undefined;
  }
  return undefined;
}
