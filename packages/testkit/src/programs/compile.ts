// Programs for tests, compiled from their source by compilers that come as packages.
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { cached } from './compile-cache.ts';

export interface CompileOptions {
  /** Names the program in error messages; default `program`. */
  readonly name?: string;
  /** Flags for clang, instead of `-O2`. */
  readonly flags?: readonly string[];
}

/**
 * A `wasm32-wasip1` command module from C: a source text, or the path of a `.c` file. The first time takes a second or
 * two, later ones read the cache. Throws with clang's own messages.
 */
export async function compileC(source: string, options: CompileOptions = {}): Promise<Uint8Array> {
  const { name = 'program', flags = ['-O2'] } = options;
  const text = /\.c$/.test(source) && !source.includes('\n') ? await readFile(source, 'utf8') : source;
  return cached(['c', versionOf('@yowasp/clang'), name, text, ...flags], () => clang(name, text, flags));
}

/** A module from WebAssembly text, with all finished features on. Throws with the parser's message and line. */
export async function compileWat(text: string, options: { readonly name?: string } = {}): Promise<Uint8Array> {
  const { name = 'module' } = options;
  const { default: load } = await import('wabt');
  const wabt = await load();
  const features = { exceptions: true, tail_call: true, threads: true, multi_memory: true, memory64: true, simd: true };
  const module = wabt.parseWat(`${name}.wat`, text, features);
  try {
    module.resolveNames();
    module.validate();
    return module.toBinary({ write_debug_names: true }).buffer;
  } finally {
    module.destroy();
  }
}

async function clang(name: string, source: string, flags: readonly string[]): Promise<Uint8Array> {
  // Imported late: the compiler is 100 MB, and most runs find everything in the cache.
  const { commands, runLLVM } = await import('@yowasp/clang');
  // Loads the compiler without a run; the commands themselves would print their progress at that.
  await runLLVM(undefined, undefined, { fetchProgress: () => {} });
  const messages: string[] = [];
  const decoder = new TextDecoder();
  const collect = (bytes: Uint8Array | null): void => {
    if (bytes) messages.push(decoder.decode(bytes, { stream: true }));
  };
  try {
    const files = await commands.clang(
      [...flags, '-o', `${name}.wasm`, `${name}.c`],
      { [`${name}.c`]: source },
      { stdout: collect, stderr: collect },
    );
    const module = files?.[`${name}.wasm`];
    if (module instanceof Uint8Array) return module;
  } catch (cause) {
    throw new Error(`clang cannot compile ${name}.c: ${messages.join('') || String(cause)}`, { cause });
  }
  throw new Error(`clang gave no module for ${name}.c: ${messages.join('')}`);
}

function versionOf(dependency: string): string {
  // The package exports no package.json, so its version comes from the file beside its entry.
  const entry = createRequire(import.meta.url).resolve(dependency);
  const at = entry.lastIndexOf(dependency) + dependency.length;
  return (JSON.parse(readFileSync(`${entry.slice(0, at)}/package.json`, 'utf8')) as { version: string }).version;
}
