// The reference runtime for preview 1, as a Python package in an environment of its own in the user's cache directory.
import { execFile } from 'node:child_process';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const VERSION = '50.0.1';
const exec = promisify(execFile);

let python: Promise<string> | undefined;

/** The Python that has wasmtime; installed at the first call. Throws with what pip said if that fails. */
function wasmtimePython(): Promise<string> {
  python ??= (async () => {
    const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
    const directory = join(cache, 'wigeon', `wasmtime-${VERSION}`);
    const bin = join(directory, 'bin', 'python');
    const ready = join(directory, 'ready');
    const installed = await access(ready).then(
      () => true,
      () => false,
    );
    if (installed) return bin;
    try {
      await exec('python3', ['-m', 'venv', '--clear', directory]);
      await exec(bin, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', `wasmtime==${VERSION}`]);
    } catch (cause) {
      throw new Error(
        `the reference runtime is missing: installing wasmtime ${VERSION} with python3 and pip failed: ${String(cause)}`,
        { cause },
      );
    }
    await writeFile(ready, '');
    return bin;
  })();
  return python;
}

export interface ReferenceRun {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

/** Runs a program in wasmtime with an empty directory at `/`. */
export async function runInWasmtime(
  program: Uint8Array,
  { args, env, stdin = '' }: ReferenceRun,
): Promise<{ code: number; stdout: string; seconds: number }> {
  const bin = await wasmtimePython();
  const scratch = await mkdtemp(join(tmpdir(), 'wasmtime-'));
  const path = (name: string): string => join(scratch, name);
  try {
    await writeFile(path('program.wasm'), program);
    await writeFile(path('stdin'), stdin);
    const spec = { args, env, scratch };
    const script = join(import.meta.dirname, 'wasmtime-run.py');
    const { stdout } = await exec(bin, [script, JSON.stringify(spec)]);
    const { code, seconds } = JSON.parse(stdout) as { code: number; seconds: number };
    return { code, seconds, stdout: await readFile(path('stdout'), 'utf8') };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
