// The suspend engine: `pnpm bench suspend [--engines node,chromium,firefox,webkit] [--rounds 5]`. Plain and instrumented
// take turns in one worker of each engine; then capture, resume and snapshots in Node.
import { parseArgs } from 'node:util';
import { closeEngines, type EngineName, runInEngine } from '@wigeon/testkit';
import { instrument } from '../packages/suspend/src/instrument/instrument.ts';
import { exported } from '../packages/suspend/src/instrument/names.ts';
import { Program } from '../packages/suspend/src/runtime/program.ts';
import { SuspendableModule } from '../packages/suspend/src/runtime/suspendable-module.ts';
import { restoreSnapshot, takeSnapshot } from '../packages/suspend/src/snapshot/snapshot.ts';
import { compile } from '../packages/suspend/src/testing/compile.ts';
import type { BenchRun, Task } from '../packages/suspend/src/testing/engine.worker.ts';
import { WasiStub } from '../packages/suspend/src/testing/wasi-stub.ts';
import { quantile, row, summary } from './statistics.ts';

const kernels: Record<string, string> = {
  fib: '40',
  nbody: '2500000',
  fannkuch: '10',
  gemm: '24',
  interp: '4000000',
  sha: '400000',
  sort: '300000',
  tree: '19',
};

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      engines: { type: 'string', default: 'node,chromium,firefox,webkit' },
      rounds: { type: 'string', default: '5' },
    },
  });
  for (const engine of values.engines.split(',')) await slowdown(engine as EngineName, Number(values.rounds));
  await closeEngines();
  await captureByDepth();
  await snapshotBySize();
}

async function slowdown(engine: EngineName, rounds: number): Promise<void> {
  console.log(`\n${engine}: instrumented against plain\n`);
  console.log(row(['kernel', 'plain ms', 'pads: ratio', 'try_table: ratio', 'first run plain / ours ms', 'size']));
  console.log(row(Array(6).fill('---')));
  const ratios: number[] = [];
  for (const [name, argument] of Object.entries(kernels)) {
    const bytes = await compile(`${name}.c`);
    const worker = new URL('../packages/suspend/src/testing/engine.worker.ts', import.meta.url);
    const task: Task = {
      do: 'bench',
      bytes,
      args: [argument],
      rounds,
      variants: { ours: {}, try_table: { exceptions: 'try_table' } },
    };
    const { first, later } = await runInEngine<Task, BenchRun>(engine, worker, task, { timeoutMs: 600_000 });
    const plain = later.plain!;
    const ratio = (variant: string): number[] => later[variant]!.map((taken, i) => taken / plain[i]!);
    ratios.push(quantile(ratio('ours'), 0.5));
    const size = instrument(bytes, { embed: false, digest: '0'.repeat(64) }).bytes.length / bytes.length;
    console.log(
      row([
        name,
        summary(plain),
        summary(ratio('ours'), 3),
        summary(ratio('try_table'), 3),
        `${first.plain!.toFixed(0)} / ${first.ours!.toFixed(0)}`,
        size.toFixed(2),
      ]),
    );
  }
  console.log(
    `\ngeometric mean ${Math.exp(ratios.reduce((sum, r) => sum + Math.log(r), 0) / ratios.length).toFixed(3)}`,
  );
}

/** A program of `deep.c` suspended at its k-th poll, so about k frames deep. */
async function captureByDepth(): Promise<void> {
  console.log('\nNode: one suspension by depth of the new frames\n');
  console.log(row(['frames', 'capture ms', 'resume in place ms', 'snapshot and cold resume ms']));
  console.log(row(Array(4).fill('---')));
  const bytes = await compile('deep.c', ['-O1', '-Wl,-z,stack-size=8388608']);
  for (const depth of [10, 100, 1000, 5000]) {
    const capture: number[] = [];
    const inPlace: number[] = [];
    const cold: number[] = [];
    for (let round = 0; round < 11; round++) {
      const suspendable = new SuspendableModule(new WebAssembly.Module(instrument(bytes).bytes));
      let polls = 0;
      let asked = 0;
      const wasi = new WasiStub([String(depth * 2)]);
      const options = {
        atEachPoll: (): boolean => {
          polls++;
          if (polls !== depth && polls !== depth + 2) return false;
          asked = performance.now();
          return true;
        },
      };
      const program = new Program(suspendable, { wasi_snapshot_preview1: wasi.imports }, options);
      wasi.memory = program.instance.exports[exported.memory(0)] as WebAssembly.Memory;
      program.start();
      program.run();
      capture.push(performance.now() - asked);
      const resumed = performance.now();
      program.run();
      inPlace.push(performance.now() - resumed);
      const moved = performance.now();
      const { bytes: snapshot } = takeSnapshot(program);
      const next = new Program(suspendable, { wasi_snapshot_preview1: wasi.imports });
      restoreSnapshot(next, snapshot);
      cold.push(performance.now() - moved);
    }
    console.log(row([String(depth), summary(capture, 3), summary(inPlace, 3), summary(cold, 2)]));
  }
}

async function snapshotBySize(): Promise<void> {
  console.log('\nNode: snapshots by size of memory, one page in sixteen written since the base\n');
  console.log(row(['MB', 'full ms', 'full MB', 'delta ms', 'delta MB']));
  console.log(row(Array(5).fill('---')));
  const bytes = await compile('fib.c');
  const suspendable = new SuspendableModule(new WebAssembly.Module(instrument(bytes).bytes));
  for (const megabytes of [1, 16, 64, 256]) {
    let polls = 0;
    const wasi = new WasiStub(['20']);
    const options = { atEachPoll: (): boolean => ++polls === 50 };
    const program = new Program(suspendable, { wasi_snapshot_preview1: wasi.imports }, options);
    const memory = program.instance.exports[exported.memory(0)] as WebAssembly.Memory;
    wasi.memory = memory;
    program.start();
    program.run();
    memory.grow(Math.max(megabytes * 16 - memory.buffer.byteLength / 65536, 0));
    const words = new Uint32Array(memory.buffer);
    for (let i = 32768; i < words.length; i++) words[i] = i;
    const full: number[] = [];
    const delta: number[] = [];
    let sizes: [number, number] = [0, 0];
    for (let round = 0; round < 5; round++) {
      let start = performance.now();
      const base = takeSnapshot(program);
      full.push(performance.now() - start);
      for (let i = 32768; i < words.length; i += 16 * 1024) words[i]!++;
      start = performance.now();
      const changed = takeSnapshot(program, { base: base.base });
      delta.push(performance.now() - start);
      sizes = [base.bytes.length, changed.bytes.length];
    }
    const mega = (size: number): string => (size / 2 ** 20).toFixed(2);
    console.log(row([String(megabytes), summary(full, 1), mega(sizes[0]), summary(delta, 1), mega(sizes[1])]));
  }
}
