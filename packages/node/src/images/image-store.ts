import { createHash, createHmac, randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createRegistryClient,
  type Digest,
  FileTree,
  findEntry,
  formatReference,
  type Hosts,
  Keyring,
  type LayerLimits,
  marksWasm,
  type NodeRegistryClient,
  OciError,
  parseReference,
  type Reference,
  type Repository,
  type TreeEntry,
  withPlainHttp,
} from '@wigeon/oci-client';
import { TemporaryNames, writeDurably } from '../disk/index.ts';
import { collectGarbage, type Watermarks } from './garbage-collection.ts';
import { asImageError, ImageError } from './image-error.ts';
import { type AccessRecord, type ImageRecord, type NameRecord, RecordStore } from './image-records.ts';
import type { Bundle, Candidate, EnsuredImage, ImageRequest } from './image-request.ts';
import { type BlobLocation, fileNameOf, LayerStore } from './layer-store.ts';
import { ModuleStore, readPart } from './module-store.ts';
import { matchingCredentials } from './pull-secrets.ts';
import { contentOf, Puller } from './puller.ts';
import { SingleFlight } from './single-flight.ts';

export interface ImageStoreOptions {
  /** Everything is below it; one process at a time. */
  readonly directory: string;
  /** Registries (HOST or HOST:PORT) that speak plain http. */
  readonly plainHttp?: readonly string[];
  /** Mirrors, certificate authorities and plain http by registry. */
  readonly hosts?: Hosts;
  /** Token servers (HOST or HOST:PORT) of other domains that credentials may go to. */
  readonly allowedRealms?: readonly string[];
  /** The node's own credentials, tried after the pod's. */
  readonly keyrings?: readonly Keyring[];
  readonly limits?: Partial<LayerLimits>;
  /** Instead of a client of the store's own; the caller disposes it. */
  readonly client?: NodeRegistryClient;
  readonly now?: () => number;
}

interface Resolved {
  readonly name: NameRecord;
  readonly image: ImageRecord;
  readonly transferred: number;
}

/**
 * The images of this node on its disk: resolved and pulled as pods ask, verified, shared between pods, and kept across
 * restarts. What is in it is complete; a process that dies at any point leaves nothing wrong.
 */
export class ImageStore implements AsyncDisposable {
  readonly #options: ImageStoreOptions;
  readonly #client: NodeRegistryClient;
  readonly #layers: LayerStore;
  readonly #modules: ModuleStore;
  readonly #images: RecordStore<ImageRecord>;
  readonly #names: RecordStore<NameRecord>;
  readonly #access: RecordStore<AccessRecord>;
  readonly #secret: Uint8Array;
  readonly #puller: Puller;
  readonly #entries = new SingleFlight<BlobLocation>();
  readonly #trees = new Map<Digest, { readonly tree: FileTree; readonly files: readonly TreeEntry[] }>();
  // Called by the client, which does not know for whom it asks; pulls at the same time all hear it.
  readonly #warningListeners = new Set<(text: string) => void>();

  private constructor(
    options: ImageStoreOptions,
    parts: {
      layers: LayerStore;
      modules: ModuleStore;
      images: RecordStore<ImageRecord>;
      names: RecordStore<NameRecord>;
      access: RecordStore<AccessRecord>;
      secret: Uint8Array;
    },
  ) {
    this.#options = options;
    this.#layers = parts.layers;
    this.#modules = parts.modules;
    this.#images = parts.images;
    this.#names = parts.names;
    this.#access = parts.access;
    this.#secret = parts.secret;
    this.#puller = new Puller({ layers: parts.layers, modules: parts.modules, limits: options.limits ?? {} });
    this.#client =
      options.client ??
      createRegistryClient({
        hosts: withPlainHttp(options.hosts, options.plainHttp),
        ...(options.allowedRealms ? { allowedRealms: options.allowedRealms } : {}),
        mirrorCredential: (host) => Keyring.lookup(options.keyrings ?? [], { registry: host, repository: '' })[0],
        onWarning: (text) => {
          for (const listener of this.#warningListeners) listener(text);
        },
      });
  }

  /** Opens or creates a store; what an earlier process left unfinished is removed. */
  static async open(options: ImageStoreOptions): Promise<ImageStore> {
    const { directory } = options;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const temporary = new TemporaryNames(join(directory, 'tmp'));
    await temporary.reset();
    const [layers, modules, images, names, access, secret] = await Promise.all([
      LayerStore.open(join(directory, 'layers'), temporary),
      ModuleStore.open(join(directory, 'modules'), temporary),
      RecordStore.open<ImageRecord>(join(directory, 'images'), temporary, (record) => fileNameOf(record.manifest)),
      RecordStore.open<NameRecord>(join(directory, 'names'), temporary, (record) => nameKey(record.name, record.linux)),
      RecordStore.open<AccessRecord>(join(directory, 'access'), temporary, (record) => hashName(record.image)),
      loadSecret(join(directory, 'access.key'), temporary),
    ]);
    return new ImageStore(options, { layers, modules, images, names, access, secret });
  }

  /**
   * Makes an image ready for a container, by its pull policy.
   *
   * @throws ImageError whose code is the waiting reason to show; the signal's reason
   */
  async ensure(request: ImageRequest): Promise<EnsuredImage> {
    const { signal, pullPolicy } = request;
    try {
      const reference = parseReference(request.image);
      const candidates = matchingCredentials(request.secrets ?? [], this.#options.keyrings ?? [], reference);
      // The kubelet pulls without credentials only where none matches.
      const tries: Candidate[] = candidates.length > 0 ? candidates : [undefined];
      const present = pullPolicy === 'Always' ? undefined : this.#present(reference, request);
      if (present && this.#mayUse(reference, present.name, tries)) {
        return { bundle: await this.#bundle(reference, present, request), pulled: null };
      }
      if (pullPolicy === 'Never') {
        throw new ImageError(
          'ErrImageNeverPull',
          present
            ? `container image ${JSON.stringify(request.image)} is present, but was pulled with credentials that this pod does not have, and the pull policy is Never`
            : `container image ${JSON.stringify(request.image)} is not present with pull policy of Never`,
        );
      }
      return await this.#pull(reference, request, tries);
    } catch (error) {
      signal.throwIfAborted();
      throw asImageError(error);
    }
  }

  /** Where the bytes of a module or file are: the part of `path` that begins at `offset` and has `size` bytes. */
  async blob(digest: string): Promise<BlobLocation | undefined> {
    return this.#modules.get(digest as Digest) ?? this.#layers.file(digest);
  }

  /** For the Node's `status.images`, largest first. */
  list(): { readonly names: readonly string[]; readonly sizeBytes: number }[] {
    const names = new Map<Digest, Set<string>>();
    for (const { record } of this.#names.all()) {
      const all = names.get(record.manifest) ?? new Set();
      all.add(`${record.name.replace(/(?:@.*|:[^:/]*)$/, '')}@${record.root}`).add(record.name);
      names.set(record.manifest, all);
    }
    return [...this.#images.all()]
      .map(({ record }) => ({ names: [...(names.get(record.manifest) ?? [])].sort(), sizeBytes: record.size }))
      .sort((a, b) => b.sizeBytes - a.sizeBytes);
  }

  /**
   * Removes images that were not of use for longest until the store is below its low mark, if it is above its high one.
   *
   * @param inUse `Bundle.imageId` of what containers have; never removed
   * @returns bytes on disk before and after
   */
  collectGarbage(watermarks: Watermarks, inUse: ReadonlySet<string>): Promise<{ before: number; after: number }> {
    return collectGarbage(
      {
        layers: this.#layers,
        modules: this.#modules,
        images: this.#images,
        names: this.#names,
        access: this.#access,
        pinned: this.#puller,
        forget: (manifest) => this.#trees.delete(manifest),
      },
      watermarks,
      inUse,
      this.#now(),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#options.client) await this.#client[Symbol.asyncDispose]();
  }

  async #pull(reference: Reference, request: ImageRequest, tries: readonly Candidate[]): Promise<EnsuredImage> {
    const { signal, onPulling, onWarning } = request;
    const started = performance.now();
    onPulling?.();
    if (onWarning) this.#warningListeners.add(onWarning);
    try {
      const resolved = await this.#resolveWith(reference, request, tries);
      const bundle = await this.#bundle(reference, resolved, request);
      return {
        bundle,
        pulled: {
          milliseconds: performance.now() - started,
          bytes: resolved.image.size,
          transferred: resolved.transferred,
        },
      };
    } finally {
      if (onWarning) this.#warningListeners.delete(onWarning);
      signal.throwIfAborted();
    }
  }

  /** Tries every credential, since one of them may have been rotated; the last failure is the one that is told. */
  async #resolveWith(reference: Reference, request: ImageRequest, tries: readonly Candidate[]): Promise<Resolved> {
    for (const [at, candidate] of tries.entries()) {
      try {
        const repository = this.#client.repository(reference, candidate);
        const resolved = await this.#resolve(repository, reference, request);
        await this.#grant(reference, resolved.name, candidate);
        return resolved;
      } catch (error) {
        request.signal.throwIfAborted();
        if (at === tries.length - 1 || !(error instanceof OciError)) throw error;
      }
    }
    throw new Error('unreachable: there is always one candidate');
  }

  /** Asks the registry what the name stands for now, and pulls what is not here. */
  async #resolve(repository: Repository, reference: Reference, request: ImageRequest): Promise<Resolved> {
    const { signal, annotations = {} } = request;
    const wanted = reference.digest ?? reference.tag ?? 'latest';
    const linux = marksWasm(annotations);
    const before = this.#present(reference, request);
    let transferred = 0;
    // HEAD does not count against pull quotas, and for an unchanged image nothing else is needed.
    const head = await repository.head(wanted, { signal });
    if (before && head?.digest === before.name.root) return { ...before, transferred: 0 };
    const known = head && this.#byRoot(reference, head.digest, linux);
    const root = known?.name.root;
    if (known && root) {
      const name = { ...known.name, name: formatReference(reference) };
      await this.#names.put(name, this.#now());
      return { name, image: known.image, transferred: 0 };
    }
    const resolved = await repository.resolve(head?.digest ?? wanted, { components: false, annotations }, { signal });
    const manifest = resolved.descriptor.digest;
    let image = this.#complete(manifest);
    if (!image) {
      using _pin = this.#puller.pin(resolved.manifest);
      image = await this.#puller.pull(
        repository,
        {
          descriptor: resolved.descriptor,
          manifest: resolved.manifest,
          annotations: { ...resolved.annotations, ...annotations },
          repository: reference.repository,
        },
        { signal, onBytes: (bytes) => (transferred += bytes) },
      );
      await this.#images.put(image, this.#now());
    }
    const name: NameRecord = {
      version: 1,
      name: formatReference(reference),
      linux,
      root: resolved.root.digest,
      manifest,
    };
    await this.#names.put(name, this.#now());
    return { name, image, transferred };
  }

  #present(
    reference: Reference,
    { annotations = {} }: ImageRequest,
  ): { name: NameRecord; image: ImageRecord } | undefined {
    const name = this.#names.get(nameKey(formatReference(reference), marksWasm(annotations)));
    const image = name && this.#complete(name.manifest);
    return image && { name, image };
  }

  /**
   * An image of the same repository under another tag. Of another repository it is not taken: a registry may claim any
   * digest, and would so be given what others had to show credentials for.
   */
  #byRoot(reference: Reference, root: Digest, linux: boolean): { name: NameRecord; image: ImageRecord } | undefined {
    for (const { record } of this.#names.all()) {
      if (record.root !== root || record.linux !== linux) continue;
      const { registry, repository } = parseReference(record.name);
      if (registry !== reference.registry || repository !== reference.repository) continue;
      const image = this.#complete(record.manifest);
      if (image) return { name: record, image };
    }
    return undefined;
  }

  /** The record of an image all of whose content is there. */
  #complete(manifest: Digest): ImageRecord | undefined {
    const record = this.#images.get(fileNameOf(manifest));
    const has = (digest: Digest): boolean =>
      record?.source.from === 'layer'
        ? this.#modules.get(digest) !== undefined
        : this.#layers.get(digest) !== undefined;
    return record && contentOf(record).every(has) ? record : undefined;
  }

  async #bundle(
    reference: Reference,
    { name, image }: { name: NameRecord; image: ImageRecord },
    request: ImageRequest,
  ): Promise<Bundle> {
    const now = this.#now();
    await Promise.all([
      this.#images.touch(fileNameOf(image.manifest), now),
      this.#names.touch(nameKey(name.name, name.linux), now),
    ]);
    const base = {
      imageId: imageIdOf(reference, name.root),
      entrypoint: image.entrypoint,
      cmd: image.cmd,
      env: image.env,
      workingDir: image.workingDir,
    };
    if (image.source.from === 'layer') {
      const word = (request.command?.length ? request.command : image.entrypoint)[0] ?? '';
      return {
        ...base,
        module: { digest: image.source.layer, size: image.source.size },
        function: /#([^#/]+)$/.exec(word)?.[1] ?? '_start',
        files: [],
      };
    }
    const { tree, files } = this.#tree(image, image.source.layers);
    const entry = findEntry(tree, { ...image, command: request.command });
    const module = await this.#entries.run(entry.file.digest, request.signal, async () => {
      const location = this.#layers.file(entry.file.digest);
      if (!location) throw new Error(`the store lost ${entry.file.digest}`);
      return (
        this.#modules.get(entry.file.digest) ??
        (await this.#modules.add(entry.file.digest, readPart(location), `/${entry.file.path} of ${request.image}`))
      );
    });
    return {
      ...base,
      ...(entry.argv0 === undefined ? {} : { entrypoint: [entry.argv0] }),
      module: { digest: entry.file.digest, size: module.size },
      function: entry.function,
      files,
    };
  }

  #tree(image: ImageRecord, layers: readonly Digest[]): { tree: FileTree; files: readonly TreeEntry[] } {
    let known = this.#trees.get(image.manifest);
    if (!known) {
      const tree = FileTree.fromLayers(layers.map((digest) => this.#layers.get(digest)!.entries));
      known = { tree, files: tree.entries() };
      this.#trees.set(image.manifest, known);
    }
    return known;
  }

  /** KEP-2535: content that was earned with a credential is not handed to a pod that does not have it. */
  #mayUse(reference: Reference, name: NameRecord, tries: readonly Candidate[]): boolean {
    const access = this.#access.get(hashName(imageIdOf(reference, name.root)));
    if (!access) return false;
    return (
      access.anonymous || tries.some((candidate) => candidate && access.credentials.includes(this.#hash(candidate)))
    );
  }

  async #grant(reference: Reference, name: NameRecord, candidate: Candidate): Promise<void> {
    const image = imageIdOf(reference, name.root);
    const before = this.#access.get(hashName(image)) ?? { version: 1, image, anonymous: false, credentials: [] };
    const hash = candidate && this.#hash(candidate);
    if (hash === undefined ? before.anonymous : before.credentials.includes(hash)) return;
    const after = {
      ...before,
      anonymous: before.anonymous || hash === undefined,
      credentials: hash === undefined ? before.credentials : [...before.credentials, hash],
    };
    await this.#access.put(after, this.#now());
  }

  /** Keyed, so that the file does not help to guess passwords. */
  #hash(candidate: NonNullable<Candidate>): string {
    return createHmac('sha256', this.#secret).update(JSON.stringify(candidate)).digest('hex');
  }

  #now(): number {
    return this.#options.now?.() ?? Date.now();
  }
}

/** `HOST/PATH@DIGEST` of what a name was resolved to. */
export function imageIdOf({ registry, repository }: Pick<Reference, 'registry' | 'repository'>, root: Digest): string {
  return `${registry}/${repository}@${root}`;
}

export function hashName(text: string): string {
  return `${createHash('sha256').update(text).digest('hex')}.json`;
}

function nameKey(name: string, linux: boolean): string {
  return hashName(`${name} ${linux}`);
}

async function loadSecret(path: string, temporary: TemporaryNames): Promise<Uint8Array> {
  const present = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (present?.length === 32) return present;
  const secret = randomBytes(32);
  await writeDurably(path, temporary.next(), (handle) => handle.writeFile(secret));
  return secret;
}
