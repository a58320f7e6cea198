import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const exec = promisify(execFile);

/** A `wasip1` command from one Go file; Go's own cache makes the second time fast. Throws with the compiler's messages. */
export async function compileGo(source: string): Promise<Uint8Array> {
  const scratch = await mkdtemp(join(tmpdir(), 'go-wasi-'));
  try {
    const output = join(scratch, 'program.wasm');
    const env = { ...process.env, GOOS: 'wasip1', GOARCH: 'wasm', GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local' };
    await exec('go', ['build', '-ldflags=-s -w', '-o', output, source], { env });
    return new Uint8Array(await readFile(output));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
