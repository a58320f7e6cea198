// Runs one WASI program in a worker of any engine and returns all that came of it.
import type { EngineContext } from '@wigeon/testkit/engines';
import { type BundleEntry, chooseBlocking, closedInput, MemoryTree, WasiHost } from '../src/index.ts';

export interface ProgramRun {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** Files of the tree at `/`. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** The best way to wait that the engine has on its own, or the worst. Default: the worst. */
  readonly blocking?: 'best' | 'sleep';
  /** Paths whose contents are returned. */
  readonly read?: readonly string[];
}

export interface ProgramResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly files: Readonly<Record<string, Uint8Array>>;
  readonly waitedBy: string;
  readonly milliseconds: number;
}

export default async function runProgram(run: ProgramRun, context: EngineContext): Promise<ProgramResult> {
  const module = await WebAssembly.compile((await context.file('program')) as Uint8Array<ArrayBuffer>);
  const encoder = new TextEncoder();
  const bundle = Object.entries(run.files ?? {}).map(
    ([path, content]): BundleEntry => ({ path, file: typeof content === 'string' ? encoder.encode(content) : content }),
  );
  const tree = new MemoryTree({ bundle });
  const output = { stdout: '', stderr: '' };
  const collect = (name: 'stdout' | 'stderr'): ((bytes: Uint8Array) => void) => {
    const decoder = new TextDecoder();
    return (bytes) => {
      output[name] += decoder.decode(bytes, { stream: true });
    };
  };
  const host = new WasiHost({
    args: run.args,
    env: run.env ?? {},
    stdin: closedInput(encoder.encode(run.stdin ?? '')),
    stdout: collect('stdout'),
    stderr: collect('stderr'),
    mounts: [{ path: '/', root: tree.root }],
    blocking: run.blocking === 'best' ? chooseBlocking() : { kind: 'sleep' },
  });
  const began = performance.now();
  const code = await host.startAsync(new WebAssembly.Instance(module, host.imports));
  const milliseconds = performance.now() - began;
  const files = Object.fromEntries((run.read ?? []).map((path) => [path, contentOf(tree, path)]));
  return { code, ...output, files, waitedBy: host.blocking.kind, milliseconds };
}

function contentOf(tree: MemoryTree, path: string): Uint8Array {
  const node = tree.find(path);
  if (node?.kind !== 'file') throw new Error(`the program left no file ${path}`);
  const bytes = new Uint8Array(node.size());
  node.read(0, bytes, 0, bytes.length);
  return bytes;
}
