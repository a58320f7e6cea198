import {
  chooseSource,
  type Descriptor,
  type Digest,
  type ImageConfig,
  type ImageManifest,
  isDigest,
  isImageConfigType,
  LayerBudget,
  type LayerLimits,
  OciError,
  parseImageConfig,
  type Repository,
} from '@wigeon/oci-client';
import type { ImageRecord } from './image-records.ts';
import type { LayerStore } from './layer-store.ts';
import type { ModuleStore } from './module-store.ts';
import { SingleFlight } from './single-flight.ts';

// The kubelet's container runtimes use the same.
const PARALLEL_LAYERS = 3;
const CONFIG_LIMIT = 4 * 1024 * 1024;

/** A manifest that was chosen for this node, and what belongs to it. */
export interface ChosenManifest {
  readonly descriptor: Descriptor;
  readonly manifest: ImageManifest;
  /** Of manifest, index entry and pod. */
  readonly annotations: Readonly<Record<string, string>>;
  /** For error texts and as argv[0] where nothing else names one. */
  readonly repository: string;
}

/** Brings the content of images into the stores; each blob once, however many pods wait for it. */
export class Puller {
  readonly #layers: LayerStore;
  readonly #modules: ModuleStore;
  readonly #limits: Partial<LayerLimits>;
  readonly #pins = new Set<ReadonlySet<Digest>>();
  readonly #flights = new SingleFlight<void>();

  constructor(options: { layers: LayerStore; modules: ModuleStore; limits: Partial<LayerLimits> }) {
    this.#layers = options.layers;
    this.#modules = options.modules;
    this.#limits = options.limits;
  }

  /** Keeps the content of an image from garbage collection while no record names it yet. */
  pin(manifest: ImageManifest): Disposable {
    const pin = new Set(manifest.layers.map(({ digest }) => digest));
    this.#pins.add(pin);
    return { [Symbol.dispose]: () => void this.#pins.delete(pin) };
  }

  isPinned(digest: Digest): boolean {
    return this.#pins.values().some((pin) => pin.has(digest));
  }

  /** @returns the record of the image, all of whose content is then in the stores */
  async pull(
    repository: Repository,
    { descriptor, manifest, annotations, repository: name }: ChosenManifest,
    options: { signal: AbortSignal; onBytes: (bytes: number) => void },
  ): Promise<ImageRecord> {
    const config = isImageConfigType(manifest.config.mediaType)
      ? await this.#config(repository, manifest.config, options)
      : undefined;
    const source = chooseSource(manifest, config, annotations);
    const size = [manifest.config, ...manifest.layers].reduce((total, blob) => total + blob.size, 0);
    const base = { version: 1, manifest: descriptor.digest, size } as const;
    const defaults = {
      entrypoint: config?.config.Entrypoint ?? [],
      cmd: config?.config.Cmd ?? [],
      env: config?.config.Env ?? [],
      workingDir: config?.config.WorkingDir || '/',
    };
    if (source.from === 'layer') {
      const { digest, size } = source.layer;
      await this.#module(repository, source.layer, name, options);
      const named = defaults.entrypoint.length > 0 || defaults.cmd.length > 0;
      return {
        ...base,
        ...defaults,
        ...(named ? {} : { entrypoint: [name.slice(name.lastIndexOf('/') + 1)] }),
        source: { from: 'layer', layer: digest, size },
      };
    }
    await this.#unpack(repository, source.layers, config!, options);
    return { ...base, ...defaults, source: { from: 'files', layers: source.layers.map(({ digest }) => digest) } };
  }

  /**
   * Brings a blob once for all who want it. Who waited for another's attempt that failed makes one of its own: the other
   * may have asked another repository, or with other credentials.
   */
  async #once(key: string, signal: AbortSignal, bring: (signal: AbortSignal) => Promise<void>): Promise<void> {
    for (let own = false; ; ) {
      try {
        return await this.#flights.run(key, signal, (shared) => {
          own = true;
          return bring(shared);
        });
      } catch (error) {
        signal.throwIfAborted();
        if (own) throw error;
      }
    }
  }

  async #config(
    repository: Repository,
    descriptor: Descriptor,
    { signal, onBytes }: { signal: AbortSignal; onBytes: (bytes: number) => void },
  ): Promise<ImageConfig> {
    if (descriptor.size > CONFIG_LIMIT) {
      throw new OciError(
        'invalid_manifest',
        `the image config has ${descriptor.size} bytes; ${CONFIG_LIMIT} are allowed`,
      );
    }
    const chunks: Uint8Array[] = [];
    for await (const chunk of await repository.blob(descriptor, { signal, onProgress: onBytes })) chunks.push(chunk);
    return parseImageConfig(Buffer.concat(chunks));
  }

  async #module(
    repository: Repository,
    layer: Descriptor,
    name: string,
    { signal, onBytes }: { signal: AbortSignal; onBytes: (bytes: number) => void },
  ): Promise<void> {
    if (this.#modules.get(layer.digest)) return;
    new LayerBudget(this.#limits).addBytes(layer.size, layer.size, layer.size);
    await this.#once(`module ${layer.digest}`, signal, async (shared) => {
      if (this.#modules.get(layer.digest)) return;
      const stream = await repository.blob(layer, { signal: shared, onProgress: onBytes });
      await this.#modules.add(layer.digest, stream, name);
    });
  }

  async #unpack(
    repository: Repository,
    layers: readonly Descriptor[],
    config: ImageConfig,
    { signal, onBytes }: { signal: AbortSignal; onBytes: (bytes: number) => void },
  ): Promise<void> {
    if (config.diffIds.length !== layers.length) {
      throw new OciError(
        'invalid_manifest',
        `the manifest has ${layers.length} layers and its config ${config.diffIds.length} diff_ids`,
      );
    }
    const wrong = config.diffIds.find((diffId) => !isDigest(diffId));
    if (wrong !== undefined) {
      throw new OciError(
        'invalid_manifest',
        `the diff_id ${JSON.stringify(wrong.slice(0, 160))} is not sha256 or sha512`,
      );
    }
    const budget = new LayerBudget(this.#limits);
    const failed = new AbortController();
    const together = AbortSignal.any([signal, failed.signal]);
    const waiting = layers.map((layer, at) => ({ layer, diffId: config.diffIds[at] }));
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const { layer, diffId } = next;
        if (this.#layers.get(layer.digest)) continue;
        await this.#once(`layer ${layer.digest}`, together, async (shared) => {
          if (this.#layers.get(layer.digest)) return;
          let received = 0;
          const stream = await repository.blob(layer, {
            signal: shared,
            onProgress: (bytes) => {
              received += bytes;
              onBytes(bytes);
            },
          });
          await this.#layers.add(layer, stream, { diffId, budget, received: () => received, signal: shared });
        });
      }
    };
    const workers = Array.from({ length: Math.min(PARALLEL_LAYERS, layers.length) }, () =>
      work().catch((error: unknown) => {
        // The others stop at once and the first error is the one that is told.
        failed.abort(error);
        throw error;
      }),
    );
    await Promise.allSettled(workers);
    await Promise.all(workers).catch(() => {
      signal.throwIfAborted();
      throw failed.signal.reason;
    });
  }
}

/** Everything that an image keeps in the stores. */
export function contentOf(record: ImageRecord): readonly Digest[] {
  return record.source.from === 'layer' ? [record.source.layer] : record.source.layers;
}
