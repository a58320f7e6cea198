import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../logger.ts';
import type { AgentsTotal } from '../placement/totals.ts';
import type { ApiClient } from './api-client.ts';
import { isApiError } from './api-error.ts';
import { type NodeDescription, type NodeImages, nodeLabels, nodeObject, nodeStatus } from './node-object.ts';
import type { NodeObject } from './objects.ts';

// Joining and leaving agents come in bursts: collect them this long, then write once. Changes show within two seconds.
const COALESCE = 500;
// Written this often even when nothing changed, so that a Node that somebody deleted comes back (kubelet: 5 min).
const HEARTBEAT = 60_000;
const FIRST_BACKOFF = 100;
const LAST_BACKOFF = 7_000;

type Condition = { type: string; status: string; lastTransitionTime?: string };

/** Creates or adopts the Node object and keeps its status equal to what the agents offer. */
export class NodeRegistrar {
  /** Resolves when the Node is registered with its first status. */
  readonly ready: Promise<void>;
  readonly done: Promise<void>;
  uid: string | undefined;
  readonly #options: {
    client: ApiClient;
    node: NodeDescription;
    agents: () => AgentsTotal;
    images: () => NodeImages;
    signal: AbortSignal;
    log: Logger;
  };
  #conditions: readonly Condition[] = [];
  #changed = Promise.withResolvers<void>();

  constructor(options: {
    client: ApiClient;
    node: NodeDescription;
    agents: () => AgentsTotal;
    images: () => NodeImages;
    signal: AbortSignal;
    log: Logger;
  }) {
    this.#options = options;
    const registered = Promise.withResolvers<void>();
    this.ready = registered.promise;
    this.ready.catch(() => undefined);
    this.done = this.#run(registered);
  }

  /** Says that the agents' total may have changed. */
  changed(): void {
    this.#changed.resolve();
  }

  async #run(registered: PromiseWithResolvers<void>): Promise<void> {
    const { signal } = this.#options;
    signal.addEventListener('abort', () => registered.reject(signal.reason), { once: true });
    await this.#retry(() => this.#register());
    await this.#retry(() => this.#writeStatus());
    registered.resolve();
    while (!signal.aborted) {
      const change = this.#changed.promise;
      await Promise.race([change, delay(HEARTBEAT, undefined, { signal }).catch(() => undefined)]);
      await delay(COALESCE, undefined, { signal }).catch(() => undefined);
      this.#changed = Promise.withResolvers<void>();
      await this.#retry(() => this.#writeStatus());
    }
  }

  async #register(): Promise<void> {
    const { client, node, signal } = this.#options;
    let known: NodeObject;
    try {
      known = await client.request<NodeObject>('POST', '/api/v1/nodes', { body: nodeObject(node), signal });
    } catch (error) {
      if (!isApiError(error, 409)) throw error;
      known = await client.request<NodeObject>('PATCH', `/api/v1/nodes/${node.name}`, {
        patch: 'strategic-merge',
        body: { metadata: { labels: nodeLabels(node) } },
        signal,
      });
    }
    this.uid = known.metadata?.uid;
    this.#conditions = (known.status?.conditions as Condition[] | undefined) ?? [];
  }

  async #writeStatus(): Promise<void> {
    const { client, node, agents, images, signal } = this.#options;
    const status = nodeStatus(node, agents(), images(), this.#conditions, Date.now());
    try {
      const stored = await client.request<NodeObject>('PATCH', `/api/v1/nodes/${node.name}/status`, {
        patch: 'strategic-merge',
        // `addresses` merges by type; the list is ours as a whole.
        body: { status: { ...status, addresses: [...(status.addresses ?? []), { $patch: 'replace' }] } },
        signal,
      });
      this.#conditions = (stored.status?.conditions as Condition[] | undefined) ?? [];
    } catch (error) {
      if (isApiError(error, 404)) await this.#register();
      throw error;
    }
  }

  async #retry(action: () => Promise<void>): Promise<void> {
    const { signal, log } = this.#options;
    for (let backoff = FIRST_BACKOFF; !signal.aborted; backoff = Math.min(backoff * 2, LAST_BACKOFF)) {
      try {
        await action();
        return;
      } catch (error) {
        if (signal.aborted) return;
        log.warn({ err: error }, 'Node object not written, trying again');
        await delay(backoff, undefined, { signal }).catch(() => undefined);
      }
    }
  }
}
