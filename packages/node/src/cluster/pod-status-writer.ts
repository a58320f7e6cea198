import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../logger.ts';
import type { ApiClient } from './api-client.ts';
import { ApiError, isApiError } from './api-error.ts';
import type { Pod, PodStatus } from './objects.ts';

const FIRST_BACKOFF = 100;
const LAST_BACKOFF = 10_000;

/**
 * Writes pod statuses: one request per pod at a time, always the newest status (older unsent ones are skipped), retried
 * until it is stored or the pod is gone. The patch carries the uid, so that a pod of the same name that came later is
 * never touched.
 */
export class PodStatusWriter {
  readonly #client: ApiClient;
  readonly #log: Logger;
  readonly #signal: AbortSignal;
  readonly #pending = new Map<string, { pod: Pod; status: PodStatus; written: PromiseWithResolvers<void> }>();
  readonly #active = new Set<string>();

  constructor(options: { client: ApiClient; log: Logger; signal: AbortSignal }) {
    this.#client = options.client;
    this.#log = options.log;
    this.#signal = options.signal;
  }

  /** Resolves when this status, or a newer one of the same pod, is stored, or the pod no longer exists. */
  write(pod: Pod, status: PodStatus): Promise<void> {
    const { uid } = pod.metadata;
    const waiting = this.#pending.get(uid);
    const written = waiting?.written ?? Promise.withResolvers<void>();
    this.#pending.set(uid, { pod, status, written });
    if (!this.#active.has(uid)) void this.#drain(uid);
    return written.promise;
  }

  async #drain(uid: string): Promise<void> {
    this.#active.add(uid);
    for (let next = this.#take(uid); next && !this.#signal.aborted; next = this.#take(uid)) {
      await this.#store(uid, next.pod, next.status);
      next.written.resolve();
    }
    this.#active.delete(uid);
  }

  #take(uid: string): { pod: Pod; status: PodStatus; written: PromiseWithResolvers<void> } | undefined {
    const next = this.#pending.get(uid);
    this.#pending.delete(uid);
    return next;
  }

  async #store(uid: string, pod: Pod, status: PodStatus): Promise<void> {
    const { namespace, name } = pod.metadata;
    let latest = status;
    for (let backoff = FIRST_BACKOFF; !this.#signal.aborted; backoff = Math.min(backoff * 2, LAST_BACKOFF)) {
      try {
        await this.#client.request('PATCH', `/api/v1/namespaces/${namespace}/pods/${name}/status`, {
          patch: 'strategic-merge',
          body: { metadata: { uid }, status: latest },
          signal: this.#signal,
        });
        return;
      } catch (error) {
        if (this.#signal.aborted) return;
        // 404: gone. 409: the uid differs, so another pod has the name now. 422: the API server will never take it.
        if (isApiError(error, 404) || isApiError(error, 409)) return;
        this.#log.warn({ err: error, pod: `${namespace}/${name}` }, 'pod status not written');
        if (isApiError(error, 422)) return;
        const wait =
          error instanceof ApiError && error.retryAfterSeconds !== undefined ? error.retryAfterSeconds * 1000 : backoff;
        await delay(wait, undefined, { signal: this.#signal }).catch(() => undefined);
        latest = this.#pending.get(uid)?.status ?? latest;
      }
    }
  }
}

/**
 * Removes the object of a pod whose containers have all stopped (grace 0, only this uid). Resolves also when it is
 * already gone; finalizers may keep the object, which is theirs to say.
 */
export async function deletePod(client: ApiClient, pod: Pod, signal: AbortSignal): Promise<void> {
  const { namespace, name, uid } = pod.metadata;
  try {
    await client.request('DELETE', `/api/v1/namespaces/${namespace}/pods/${name}`, {
      body: { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0, preconditions: { uid } },
      signal,
    });
  } catch (error) {
    if (isApiError(error, 404) || isApiError(error, 409)) return;
    throw error;
  }
}
