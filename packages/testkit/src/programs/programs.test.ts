import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  compileC,
  compileWat,
  expectedBinaryBytes,
  expectedLines,
  expectedUtf8,
  type ProgramName,
  program,
  programNames,
} from './index.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'programs-test-'));
});
afterAll(() => rm(directory, { recursive: true }));

interface Result {
  readonly exitCode?: number;
  readonly trap?: string;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

// Node's own WASI host, in a thread because it blocks; the streams go to files, byte for byte.
const RUN = `
const { WASI } = require('node:wasi');
const { openSync } = require('node:fs');
const { parentPort, workerData: { module, args, env, directory } } = require('node:worker_threads');
process.removeAllListeners('warning');
const wasi = new WASI({ version: 'preview1', args, env, returnOnExit: true, preopens: { '/out': directory },
  stdout: openSync(directory + '/stdout', 'w'), stderr: openSync(directory + '/stderr', 'w') });
const instance = new WebAssembly.Instance(new WebAssembly.Module(module), wasi.getImportObject());
try { parentPort.postMessage({ exitCode: wasi.start(instance) }); }
catch (error) { parentPort.postMessage({ trap: error.message }); }`;

async function run(name: ProgramName, args: string[] = [], env: Record<string, string> = {}): Promise<Result> {
  const workerData = { module: await program(name), args: [name, ...args], env, directory };
  const worker = new Worker(RUN, { eval: true, workerData, execArgv: ['--disable-warning=ExperimentalWarning'] });
  const ended = await new Promise<object>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  await worker.terminate();
  const [stdout, stderr] = await Promise.all(['stdout', 'stderr'].map((file) => readFile(join(directory, file))));
  return { ...ended, stdout: stdout ?? Buffer.alloc(0), stderr: stderr ?? Buffer.alloc(0) };
}

describe('test programs', () => {
  test('all compile to WASI preview 1 commands and import nothing else', async () => {
    const sources = await readdir(join(import.meta.dirname, '../../programs'));
    expect(sources.sort()).toEqual(programNames.map((name) => `${name}.c`));
    for (const name of programNames) {
      const module = new WebAssembly.Module((await program(name)) as Uint8Array<ArrayBuffer>);
      expect(new Set(WebAssembly.Module.imports(module).map((entry) => entry.module))).toEqual(
        new Set(['wasi_snapshot_preview1']),
      );
      expect(WebAssembly.Module.exports(module).map((entry) => entry.name)).toContain('_start');
    }
  }, 120_000);

  test('hello says hello', async () => {
    expect(await run('hello')).toMatchObject({ exitCode: 0, stdout: Buffer.from('hello from wigeon\n') });
  });

  test('echo-args dumps arguments and environment with their lengths', async () => {
    const { stdout } = await run('echo-args', ['', 'two words', 'grüße\n☃'], { NAME: 'ente 🦆' });
    expect(stdout.toString()).toBe('arg 9 echo-args\narg 0 \narg 9 two words\narg 11 grüße\n☃\nenv 14 NAME=ente 🦆\n');
  });

  test('exit-code exits with its argument', async () => {
    expect(await run('exit-code', ['7'])).toMatchObject({ exitCode: 7, stdout: Buffer.from('exiting with 7\n') });
  });

  test.each([
    ['unreachable', /unreachable/],
    ['divide', /divide by zero/],
    ['bounds', /memory access out of bounds/],
    ['stack', /memory access out of bounds|call stack/i],
    ['indirect', /signature mismatch|null function|indirect|type/],
  ])('trap %s traps after a line on each stream', async (kind, message) => {
    const result = await run('trap', [kind]);
    expect(result.trap).toMatch(message);
    expect(result.stdout.toString()).toBe(`about to trap: ${kind}\n`);
    expect(result.stderr.toString()).toBe('last words\n');
  });

  test('lines writes exactly the bytes asked for to each stream', async () => {
    const { stdout, stderr } = await run('lines', ['100000', '77']);
    expect(stdout.equals(expectedLines('out', 100_000))).toBe(true);
    expect(stderr.equals(expectedLines('err', 77))).toBe(true);
  });

  test('binary-bytes writes every byte value', async () => {
    expect((await run('binary-bytes', ['3'])).stdout.equals(expectedBinaryBytes(3))).toBe(true);
  });

  test('utf8 writes characters of every length', async () => {
    const { stdout, stderr } = await run('utf8');
    expect({ stdout: stdout.toString(), stderr: stderr.toString() }).toEqual(expectedUtf8);
  });

  test('ticker and sleep wait for the clock', async () => {
    expect((await run('ticker', ['5', '3'])).stdout.toString()).toBe('tick 1\ntick 2\ntick 3\n');
    expect((await run('ticker', ['5', '2', 'busy'])).stdout.toString()).toBe('tick 1\ntick 2\n');
    expect((await run('sleep', ['20'])).stdout.toString()).toBe('sleeping 20 ms\nslept\n');
  });

  test('compute gives the result that follows from its steps, on stdout and in its file', async () => {
    const { stdout, exitCode } = await run('compute', ['3', '/out/result', '1000']);
    const { steps, result } = computeAgain(3, 1000);
    expect(exitCode).toBe(0);
    expect(stdout.toString()).toBe(
      `${steps.map((value, at) => `step ${at + 1} of 3: ${value}\n`).join('')}result ${result}\n`,
    );
    expect(await readFile(join(directory, 'result'), 'utf8')).toBe(`${result}\n`);
  });

  test('primes counts the primes', async () => {
    expect((await run('primes', ['1000000'])).stdout.toString()).toBe(
      '78498 primes below 1000000, last 999983, sum 37550402023\n',
    );
  });
});

describe('compilers', () => {
  test('keep what they made and give it again', async () => {
    const before = process.env.XDG_CACHE_HOME;
    process.env.XDG_CACHE_HOME = directory;
    try {
      const source = 'int main(void) { return 3; }';
      const first = await compileC(source, { name: 'three' });
      expect(await readdir(join(directory, 'wigeon/programs'))).toEqual([
        expect.stringMatching(/^[0-9a-f]{64}\.wasm$/),
      ]);
      expect(await compileC(source, { name: 'three' })).toEqual(first);
      await compileC(source, { name: 'three', flags: ['-O0'] });
      expect(await readdir(join(directory, 'wigeon/programs'))).toHaveLength(2);
    } finally {
      if (before === undefined) delete process.env.XDG_CACHE_HOME;
      else process.env.XDG_CACHE_HOME = before;
    }
  });

  test('say where a source is wrong', async () => {
    await expect(compileC('int main(void) { return bird; }', { name: 'nest' })).rejects.toThrow(
      /nest\.c:1:25: error: use of undeclared identifier 'bird'/,
    );
    await expect(compileWat('(module (func (result i32)))', { name: 'nest' })).rejects.toThrow(
      /nest\.wat:1:\d+: error/,
    );
  });

  test('make modules from text', async () => {
    const bytes = await compileWat('(module (func (export "f") (result i32) i32.const 42))');
    const { instance } = await WebAssembly.instantiate(bytes as Uint8Array<ArrayBuffer>);
    expect((instance.exports.f as () => number)()).toBe(42);
  });
});

/** compute.c once more, in BigInt. */
function computeAgain(steps: number, turns: number): { steps: string[]; result: string } {
  const words = new BigUint64Array(1 << 17);
  const u64 = (x: bigint): bigint => BigInt.asUintN(64, x);
  const mix = (x: bigint): bigint => {
    x = u64((x ^ (x >> 30n)) * 0xbf58476d1ce4e5b9n);
    x = u64((x ^ (x >> 27n)) * 0x94d049bb133111ebn);
    return x ^ (x >> 31n);
  };
  const hex = (x: bigint): string => x.toString(16).padStart(16, '0');
  let seed = 1n;
  const printed: string[] = [];
  for (let step = 0; step < steps; step++) {
    for (let turn = 0; turn < turns; turn++) {
      seed = mix(u64(seed + 0x9e3779b97f4a7c15n));
      const at = Number(seed % BigInt(words.length));
      words[at] = u64((words[at] ?? 0n) + seed);
      seed ^= words[at] ?? 0n;
    }
    printed.push(hex(seed));
  }
  let result = seed;
  for (const word of words) result = mix(u64(result + word));
  return { steps: printed, result: hex(result) };
}
