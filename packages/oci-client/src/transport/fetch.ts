export interface FetchInit {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | ReadableStream<Uint8Array> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * One HTTP exchange: like `fetch` with `redirect: 'manual'`, but a redirect's answer must be readable, which browsers
 * do not allow and Node does.
 */
export type Fetch = (url: URL, init: FetchInit) => Promise<Response>;
