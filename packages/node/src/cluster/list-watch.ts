// A list/watch loop as client-go's reflector does it: list, then watch from its resourceVersion with bookmarks; after a
// dropped watch go on from the newest version seen; after 410 list again. Objects stay raw JSON both ways.
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../logger.ts';
import type { ApiClient } from './api-client.ts';
import { ApiError } from './api-error.ts';

export interface KubernetesObject {
  readonly metadata?: {
    readonly name?: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
  };
}

export interface ListWatchOptions<T extends KubernetesObject> {
  readonly client: ApiClient;
  /** Collection path, such as `/api/v1/pods`. */
  readonly path: string;
  readonly fieldSelector?: string;
  /** A complete list: everything else is gone. Called first, and again whenever the watch lost its place. */
  readonly onList: (items: readonly T[]) => void;
  readonly onChange: (type: 'ADDED' | 'MODIFIED' | 'DELETED', object: T) => void;
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly random?: () => number;
}

interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: T & { readonly code?: number; readonly reason?: string; readonly message?: string };
}

// The server ends a watch after this many seconds; shorter than NAT and proxy idle limits, spread over replicas.
const WATCH_SECONDS = 300;
const FIRST_BACKOFF = 200;
const LAST_BACKOFF = 30_000;
const PAGE = 500;

/** Runs until `signal` is aborted; resolves then. Errors are logged and retried with jittered back-off. */
export async function listWatch<T extends KubernetesObject>(options: ListWatchOptions<T>): Promise<void> {
  const { signal, log } = options;
  const random = options.random ?? Math.random;
  let version: string | undefined;
  let backoff = FIRST_BACKOFF;
  while (!signal.aborted) {
    try {
      if (version === undefined) {
        const list = await listAll(options);
        options.onList(list.items);
        version = list.resourceVersion;
      }
      for await (const event of watch(options, version, Math.round(WATCH_SECONDS * (1 + random())))) {
        backoff = FIRST_BACKOFF;
        if (event.type === 'ERROR') {
          throw new ApiError(event.object.message ?? 'watch error', {
            status: event.object.code ?? 0,
            reason: event.object.reason ?? 'Unknown',
          });
        }
        version = event.object.metadata?.resourceVersion ?? version;
        if (event.type !== 'BOOKMARK') options.onChange(event.type, event.object);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && (error.status === 410 || error.reason === 'Expired')) {
        version = undefined;
        continue;
      }
      log.warn({ err: error, path: options.path }, 'watch interrupted, trying again');
      await delay(backoff * (0.5 + random() / 2), undefined, { signal }).catch(() => undefined);
      backoff = Math.min(backoff * 2, LAST_BACKOFF);
    }
  }
}

async function listAll<T extends KubernetesObject>(
  options: ListWatchOptions<T>,
): Promise<{ items: T[]; resourceVersion: string }> {
  const items: T[] = [];
  let next: string | undefined;
  for (;;) {
    const page: { items: T[]; metadata: { resourceVersion: string; continue?: string } } = await options.client.request(
      'GET',
      options.path,
      {
        query: { fieldSelector: options.fieldSelector, limit: PAGE, continue: next },
        signal: options.signal,
      },
    );
    items.push(...page.items);
    next = page.metadata.continue || undefined;
    if (next === undefined) return { items, resourceVersion: page.metadata.resourceVersion };
  }
}

async function* watch<T extends KubernetesObject>(
  options: ListWatchOptions<T>,
  resourceVersion: string,
  timeoutSeconds: number,
): AsyncGenerator<WatchEvent<T>> {
  const body = await options.client.stream(options.path, {
    query: {
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion,
      timeoutSeconds,
      fieldSelector: options.fieldSelector,
    },
    signal: options.signal,
  });
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.length > 0) yield JSON.parse(line) as WatchEvent<T>;
  }
}
