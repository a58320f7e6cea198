import { type ApiClient, listWatch, type Pod } from '@wigeon/node';
import type { Playground } from '@wigeon/playground';

export interface PodRequest {
  readonly image: string;
  readonly name?: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly restartPolicy?: 'Always' | 'OnFailure' | 'Never';
  readonly cpu?: string;
  readonly memory?: string;
  readonly pullPolicy?: 'Always' | 'IfNotPresent' | 'Never';
  readonly graceSeconds?: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** How a pod ended. */
export interface PodEnd {
  readonly phase: string;
  readonly exitCode: number | undefined;
  readonly reason: string | undefined;
  readonly message: string | undefined;
  readonly restarts: number;
}

/** How the pod ended; undefined while it has not. */
function podEnd({ status }: Pod): PodEnd | undefined {
  if (status?.phase !== 'Succeeded' && status?.phase !== 'Failed') return undefined;
  const container = status.containerStatuses?.[0];
  const terminated = container?.state?.terminated;
  return {
    phase: status.phase,
    exitCode: terminated?.exitCode,
    reason: status.reason ?? terminated?.reason,
    message: status.message ?? terminated?.message,
    restarts: container?.restartCount ?? 0,
  };
}

/** Waits with one watch until all these pods have ended. */
export async function allEnd(api: ApiClient, pods: readonly TestPod[]): Promise<PodEnd[]> {
  const stop = new AbortController();
  const ends = new Map<string, PodEnd>();
  const waiting = new Set(pods.map(({ name }) => name));
  const done = Promise.withResolvers<void>();
  const look = (pod: Pod): void => {
    const end = podEnd(pod);
    if (!end || !waiting.delete(pod.metadata.name)) return;
    ends.set(pod.metadata.name, end);
    if (waiting.size === 0) done.resolve();
  };
  const watching = listWatch<Pod>({
    client: api,
    path: PATH,
    signal: stop.signal,
    log: silent,
    onList: (items) => items.forEach(look),
    onChange: (_type, pod) => look(pod),
  });
  await done.promise;
  stop.abort();
  await watching;
  return pods.map(({ name }) => ends.get(name) as PodEnd);
}

const PATH = '/api/v1/namespaces/default/pods';
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** One pod of a test: what a person does with kubectl, awaited by watching. */
export class TestPod {
  readonly name: string;
  readonly #api: ApiClient;
  readonly #playground: Playground;

  private constructor(api: ApiClient, playground: Playground, name: string) {
    this.#api = api;
    this.#playground = playground;
    this.name = name;
  }

  static async create(api: ApiClient, playground: Playground, name: string, request: PodRequest): Promise<TestPod> {
    const resources = {
      ...(request.cpu ? { cpu: request.cpu } : {}),
      ...(request.memory ? { memory: request.memory } : {}),
    };
    const body = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, annotations: request.annotations ?? {} },
      spec: {
        restartPolicy: request.restartPolicy ?? 'Never',
        ...(request.graceSeconds === undefined ? {} : { terminationGracePeriodSeconds: request.graceSeconds }),
        containers: [
          {
            name: 'main',
            image: request.image,
            ...(request.pullPolicy ? { imagePullPolicy: request.pullPolicy } : {}),
            ...(request.command ? { command: request.command } : {}),
            ...(request.args ? { args: request.args } : {}),
            env: Object.entries(request.env ?? {}).map(([key, value]) => ({ name: key, value })),
            resources: { requests: resources },
          },
        ],
      },
    };
    await api.request('POST', PATH, { body });
    return new TestPod(api, playground, name);
  }

  get(): Promise<Pod> {
    return this.#api.request<Pod>('GET', `${PATH}/${this.name}`);
  }

  /** Resolves with the first version of the pod that satisfies the condition; rejects when the pod is deleted first. */
  until(condition: (pod: Pod) => boolean): Promise<Pod> {
    return this.#watch((pod, deleted) => {
      if (condition(pod)) return true;
      if (deleted) throw new Error(`pod ${this.name} was deleted before the awaited state`);
      return false;
    });
  }

  untilRunning(): Promise<Pod> {
    return this.until((pod) => pod.status?.phase === 'Running');
  }

  /** Resolves when the container waits for this reason. */
  untilWaiting(reason: string): Promise<Pod> {
    return this.until((pod) => pod.status?.containerStatuses?.[0]?.state?.waiting?.reason === reason);
  }

  /** Resolves when the object has gone. */
  async untilGone(): Promise<void> {
    await this.#watch((_pod, deleted) => deleted);
  }

  /** Waits for a terminal phase. */
  async ends(): Promise<PodEnd> {
    return podEnd(await this.until((pod) => podEnd(pod) !== undefined)) as PodEnd;
  }

  /** What `kubectl logs` prints, byte for byte. */
  async log(...options: string[]): Promise<Buffer> {
    const { code, stdout, stderr } = await this.#playground.kubectl(['logs', this.name, ...options]);
    if (code !== 0) throw new Error(`kubectl logs ${this.name} exited with ${code}: ${stderr}`);
    return stdout;
  }

  /** The same through the API server without a process for kubectl, for hundreds of them. */
  async rawLog(): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for await (const part of await this.#api.stream(`${PATH}/${this.name}/log`)) parts.push(part);
    return Buffer.concat(parts);
  }

  async delete(graceSeconds?: number): Promise<void> {
    await this.#api.request(
      'DELETE',
      `${PATH}/${this.name}`,
      graceSeconds === undefined ? {} : { query: { gracePeriodSeconds: graceSeconds } },
    );
  }

  async events(): Promise<{ type: string; reason: string; message: string }[]> {
    const list = await this.#api.request<{ items: { type: string; reason: string; message: string }[] }>(
      'GET',
      '/api/v1/namespaces/default/events',
      {
        query: { fieldSelector: `involvedObject.name=${this.name}` },
      },
    );
    return list.items;
  }

  async #watch(condition: (pod: Pod, deleted: boolean) => boolean): Promise<Pod> {
    const stop = new AbortController();
    const found = Promise.withResolvers<Pod>();
    const look = (pod: Pod, deleted: boolean): void => {
      try {
        if (condition(pod, deleted)) found.resolve(pod);
      } catch (error) {
        found.reject(error);
      }
    };
    let last: Pod | undefined;
    const watching = listWatch<Pod>({
      client: this.#api,
      path: PATH,
      fieldSelector: `metadata.name=${this.name}`,
      signal: stop.signal,
      log: silent,
      onList: (pods) => {
        if (pods[0]) {
          last = pods[0];
          look(pods[0], false);
        } else look(last ?? ({ metadata: { name: this.name } } as Pod), true);
      },
      onChange: (type, pod) => {
        last = pod;
        look(pod, type === 'DELETED');
      },
    });
    try {
      return await found.promise;
    } finally {
      stop.abort();
      await watching;
    }
  }
}
