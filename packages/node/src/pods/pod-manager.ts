import { listWatch, type Pod } from '../cluster/index.ts';
import type { PodContext } from './context.ts';
import { PodWorker } from './pod-worker.ts';

/** Follows the pods that are bound to this node and keeps one worker for each. */
export class PodManager {
  /** Resolves when the first complete list has been taken in. */
  readonly ready: Promise<void>;
  readonly done: Promise<void>;
  readonly #context: PodContext;
  readonly #signal: AbortSignal;
  readonly #workers = new Map<string, PodWorker>();
  readonly #listed = Promise.withResolvers<void>();

  constructor(options: { context: PodContext; nodeName: string; signal: AbortSignal }) {
    this.#context = options.context;
    this.#signal = options.signal;
    this.ready = this.#listed.promise;
    this.done = listWatch<Pod>({
      client: options.context.client,
      path: '/api/v1/pods',
      fieldSelector: `spec.nodeName=${options.nodeName}`,
      signal: options.signal,
      log: options.context.log,
      onList: (pods) => this.#replace(pods),
      onChange: (type, pod) => (type === 'DELETED' ? this.#remove(pod) : this.#put(pod)),
    });
  }

  /** The pod of this name that is bound here; the newest one if an older of the same name is still ending. */
  find(namespace: string, name: string): Pod | undefined {
    let found: Pod | undefined;
    for (const { pod } of this.#workers.values()) {
      if (pod.metadata.namespace !== namespace || pod.metadata.name !== name) continue;
      if (!found || !pod.metadata.deletionTimestamp) found = pod;
    }
    return found;
  }

  #replace(pods: readonly Pod[]): void {
    const uids = new Set(pods.map((pod) => pod.metadata.uid));
    for (const [uid, worker] of this.#workers) if (!uids.has(uid)) this.#remove(worker.pod);
    for (const pod of pods) this.#put(pod);
    // Only now is it known what belongs to nobody.
    const known = new Set([...uids, ...this.#workers.keys()]);
    this.#context.runs.prune(known);
    void Promise.all([this.#context.logs.prune(known), this.#context.checkpoints.prune(known)]).catch(
      (error: unknown) => {
        this.#context.log.warn({ err: error }, 'what belongs to no pod was not removed');
      },
    );
    this.#listed.resolve();
  }

  #put(pod: Pod): void {
    const { uid } = pod.metadata;
    const worker = this.#workers.get(uid);
    if (worker) {
      worker.update(pod);
      return;
    }
    const created = new PodWorker(pod, this.#context, this.#signal);
    this.#workers.set(uid, created);
  }

  #remove(pod: Pod): void {
    const { uid, namespace, name } = pod.metadata;
    const worker = this.#workers.get(uid);
    if (!worker) return;
    worker.update(pod);
    worker.objectGone();
    void worker.done.then(async () => {
      if (this.#signal.aborted) return;
      this.#workers.delete(uid);
      await Promise.all([
        this.#context.logs.remove({ namespace, pod: name, uid }),
        this.#context.checkpoints.remove(uid),
      ]);
    });
  }
}
