import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { commands } from '@yowasp/clang';

const programs = join(import.meta.dirname, '..', '..', 'programs');
const cache = join(tmpdir(), 'wigeon-programs');

/**
 * The bytes of `programs/<file>` compiled for wasm32-wasip1. Compiled once per machine: the result is kept under the
 * system's directory for temporary files by the hash of source and flags.
 */
export async function compile(file: string, flags: readonly string[] = ['-O2']): Promise<Uint8Array<ArrayBuffer>> {
  const source = readFileSync(join(programs, file), 'utf8');
  const key = createHash('sha256')
    .update(JSON.stringify([file, source, flags]))
    .digest('hex');
  const path = join(cache, `${key.slice(0, 32)}.wasm`);
  if (!existsSync(path)) {
    const compiler = extname(file) === '.c' ? 'clang' : 'clang++';
    const tree = await commands[compiler](
      ['--target=wasm32-wasip1', ...flags, file, '-o', 'out.wasm'],
      { [file]: source },
      { fetchProgress: () => {}, stdout: null, stderr: (bytes) => bytes && process.stderr.write(bytes) },
    );
    mkdirSync(cache, { recursive: true });
    writeFileSync(`${path}.${process.pid}`, (tree as { 'out.wasm': Uint8Array })['out.wasm']);
    renameSync(`${path}.${process.pid}`, path);
  }
  return new Uint8Array(readFileSync(path));
}
