import { AgentError } from '../error.ts';
import type { Clock } from './runtime.ts';

export interface ModuleSource {
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  /** Lets this agent fetch the blob. */
  readonly token: string;
}

export interface ModuleStoreOptions {
  /** Address of the gateway, ending in a slash. */
  readonly gateway: string;
  readonly fetch: (url: string, init: { readonly signal: AbortSignal }) => Promise<Response>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Compiled modules kept; default 16. */
  readonly capacity?: number;
}

/** Delays before the second and third attempt to fetch a blob, in milliseconds. */
const RETRY_MS: readonly number[] = [200, 1000];

/** Fetches, verifies and compiles modules, once per digest however many containers ask; keeps the latest used. */
export class ModuleStore {
  readonly #options: ModuleStoreOptions;
  readonly #capacity: number;
  /** In order of use, oldest first. A failed entry is taken out again. */
  readonly #modules = new Map<string, Promise<WebAssembly.Module>>();

  constructor(options: ModuleStoreOptions) {
    this.#options = options;
    this.#capacity = options.capacity ?? 16;
  }

  /** @throws AgentError `bad-blob` (not to be had, wrong size or digest) or `bad-module` (not a core Wasm module) */
  get(source: ModuleSource): Promise<WebAssembly.Module> {
    const known = this.#modules.get(source.digest);
    const module = known ?? this.#load(source);
    this.#modules.delete(source.digest);
    this.#modules.set(source.digest, module);
    if (!known) {
      module.catch(() => {
        if (this.#modules.get(source.digest) === module) this.#modules.delete(source.digest);
      });
      for (const oldest of this.#modules.keys()) {
        if (this.#modules.size <= this.#capacity) break;
        this.#modules.delete(oldest);
      }
    }
    return module;
  }

  /**
   * The bytes of a blob, verified and not kept.
   * @throws AgentError `bad-blob`
   */
  async blob(source: ModuleSource): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await this.#fetch(source);
    await verify(bytes, source.digest);
    return bytes;
  }

  async #load(source: ModuleSource): Promise<WebAssembly.Module> {
    const bytes = await this.blob(source);
    checkHeader(bytes);
    try {
      return await WebAssembly.compile(bytes);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new AgentError('bad-module', `the module is not valid WebAssembly: ${reason}`, { cause });
    }
  }

  async #fetch({ digest, size, token }: ModuleSource): Promise<Uint8Array<ArrayBuffer>> {
    const { gateway, fetch, signal } = this.#options;
    const url = `${gateway}blobs/${digest}?token=${encodeURIComponent(token)}`;
    for (let attempt = 0; ; attempt++) {
      const retryMs = RETRY_MS[attempt];
      try {
        const response = await fetch(url, { signal });
        if (response.ok) return await readExactly(response, digest, size);
        await response.body?.cancel();
        if (response.status < 500 || retryMs === undefined) {
          throw new AgentError('bad-blob', `the node answered ${response.status} for blob ${digest}`);
        }
      } catch (cause) {
        if (cause instanceof AgentError) throw cause;
        if (retryMs === undefined || signal.aborted) {
          const reason = cause instanceof Error ? cause.message : String(cause);
          throw new AgentError('bad-blob', `blob ${digest} could not be fetched: ${reason}`, { cause });
        }
      }
      await new Promise<void>((resolve) => this.#options.clock.after(retryMs, resolve));
    }
  }
}

/** Reads a body of a known size; more bytes end the reading at once. */
async function readExactly(response: Response, digest: string, size: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(size);
  let length = 0;
  const reader = response.body?.getReader();
  if (reader) {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      if (length + next.value.length > size) {
        await reader.cancel();
        throw new AgentError('bad-blob', `blob ${digest} has more than the ${size} bytes it was announced with`);
      }
      bytes.set(next.value, length);
      length += next.value.length;
    }
  }
  if (length < size) throw new AgentError('bad-blob', `blob ${digest} has ${length} bytes instead of ${size}`);
  return bytes;
}

async function verify(bytes: Uint8Array<ArrayBuffer>, digest: string): Promise<void> {
  const [algorithm, expected] = digest.split(':') as ['sha256' | 'sha512', string];
  const hash = await crypto.subtle.digest(algorithm === 'sha256' ? 'SHA-256' : 'SHA-512', bytes);
  const actual = Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('');
  if (actual !== expected) {
    throw new AgentError('bad-blob', `blob ${digest} does not have that digest: its bytes are ${algorithm}:${actual}`);
  }
}

/** Eight bytes open every binary: magic, then version and layer (core module 1/0, component 13/1). */
function checkHeader(bytes: Uint8Array): void {
  const [a, b, c, d, versionLow, versionHigh, layerLow, layerHigh] = bytes;
  if (a !== 0 || b !== 0x61 || c !== 0x73 || d !== 0x6d) {
    throw new AgentError('bad-module', 'the module is not WebAssembly: it does not begin with \\0asm');
  }
  if (layerLow === 1 && layerHigh === 0) {
    throw new AgentError(
      'bad-module',
      'the module is a WebAssembly component (WASI preview 2 or later); only core modules of WASI preview 1 can run',
    );
  }
  if (versionLow !== 1 || versionHigh !== 0) {
    throw new AgentError('bad-module', `the module is of WebAssembly version ${versionLow ?? 'none'}; only 1 can run`);
  }
}
