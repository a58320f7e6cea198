import { type Instrumented, readMetadata, sectionName } from '../instrument/metadata.ts';
import { decodeModule } from '../module/decode.ts';
import { SuspendError } from '../module/error.ts';
import { ByteReader } from '../module/reader.ts';
import { ContinuationFactory } from './continuation.ts';

/** A compiled continuation; belongs to a module, not to an instance. */
export interface CompiledContinuation {
  readonly module: WebAssembly.Module;
  readonly functions: readonly number[];
  readonly helpers: readonly string[];
}

/**
 * An instrumented module, compiled, with the continuations made for it so far. One per module and worker: programs
 * that share it share the continuations.
 */
export class SuspendableModule {
  readonly module: WebAssembly.Module;
  readonly metadata: Instrumented;
  #factory: ContinuationFactory | undefined;
  readonly #continuations = new Map<string, CompiledContinuation>();

  /**
   * `metadata`: what `instrument` returned beside a module made with `embed: false`.
   * Throws SuspendError `not-instrumented` if `module` does not come from `instrument` of this version.
   */
  constructor(module: WebAssembly.Module, metadata?: Uint8Array) {
    this.module = module;
    if (metadata) {
      const reader = new ByteReader(metadata);
      if (reader.name(sectionName.length) !== sectionName) reader.fail('not metadata of an instrumented module', 0);
      this.metadata = readMetadata(metadata.subarray(reader.pos));
      return;
    }
    const [section] = WebAssembly.Module.customSections(module, sectionName);
    if (!section) throw new SuspendError('not-instrumented', `module has no ${sectionName} section`);
    this.metadata = readMetadata(new Uint8Array(section));
  }

  /** Made when first needed: a program that is never suspended does not pay for it. */
  get factory(): ContinuationFactory {
    this.#factory ??= new ContinuationFactory(decodeModule(this.metadata.skeleton), this.metadata);
    return this.#factory;
  }

  /** Distinct continuations compiled so far. */
  get continuations(): number {
    return this.#continuations.size;
  }

  /** Synchronous on purpose: WebKitGTK's asynchronous constructors can hang after a deep unwind. */
  continuation(offset: number, remake: boolean): CompiledContinuation {
    const key = `${offset}${remake ? '!' : ''}`;
    let found = this.#continuations.get(key);
    if (!found) {
      const { bytes, functions, helpers } = this.factory.build(offset, remake);
      found = { module: new WebAssembly.Module(bytes), functions, helpers };
      this.#continuations.set(key, found);
    }
    return found;
  }
}
