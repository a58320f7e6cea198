import { type InstrumentOptions, instrument } from '../instrument/instrument.ts';
import { exported } from '../instrument/names.ts';
import { Program } from '../runtime/program.ts';
import { SuspendableModule } from '../runtime/suspendable-module.ts';
import { restoreSnapshot, takeSnapshot } from '../snapshot/snapshot.ts';
import { type Observed, runPlain, runSuspended } from './differential.ts';
import { runGeneratedPlain, runGeneratedSuspended } from './generated.ts';
import { generateModule } from './generator.ts';
import { Exit, WasiStub } from './wasi-stub.ts';

/** What a worker of any engine is asked to do. */
export type Task =
  | { readonly do: 'differential'; readonly bytes: Uint8Array; readonly args: string[]; readonly every: number[] }
  | { readonly do: 'generated'; readonly seeds: [from: number, to: number]; readonly importsInTable: boolean }
  | { readonly do: 'take'; readonly bytes: Uint8Array; readonly args: string[]; readonly stopAt: number }
  | {
      readonly do: 'restore';
      readonly bytes: Uint8Array;
      readonly args: string[];
      readonly snapshot: Uint8Array;
      readonly output: string;
    }
  | {
      readonly do: 'bench';
      readonly bytes: Uint8Array;
      readonly args: string[];
      readonly rounds: number;
      readonly variants: Record<string, InstrumentOptions>;
    };

export interface BenchRun {
  /** First run and later runs in milliseconds, plain and by variant; both in one worker, in turns. */
  readonly first: Record<string, number>;
  readonly later: Record<string, number[]>;
  readonly polls: Record<string, number>;
}

export default function run(task: Task): unknown {
  switch (task.do) {
    case 'differential': {
      const bytes = new Uint8Array(task.bytes);
      const plain = runPlain(bytes, task.args);
      return task.every.map((every) => {
        const { output, end, memory, moves } = runSuspended(bytes, { args: task.args, every, most: 100 });
        return { moves, want: plain, seen: { output, end, memory } satisfies Observed };
      });
    }
    case 'generated': {
      const different: string[] = [];
      let moves = 0;
      for (let seed = task.seeds[0]; seed <= task.seeds[1]; seed++) {
        for (const exceptions of ['none', 'legacy', 'try_table'] as const) {
          const bytes = generateModule(seed, {
            exceptions,
            depth: 4 + (seed % 3),
            functions: 3 + (seed % 4),
            importsInTable: task.importsInTable,
          });
          const want = runGeneratedPlain(bytes);
          for (const [every, move] of [
            [1, true],
            [3, false],
          ] as const) {
            const seen = runGeneratedSuspended(bytes, { every, move, most: 40, blockEach: 2 });
            moves += seen.moves;
            if (seen.log !== want.log || seen.end !== want.end || seen.memory !== want.memory) {
              different.push(`${seed} ${exceptions} every ${every}: ${want.end} / ${seen.end}`);
            }
          }
        }
      }
      return { different, moves };
    }
    case 'take': {
      const { program, wasi } = load(new Uint8Array(task.bytes), task.args, task.stopAt);
      program.start();
      const { state } = program.run();
      return { state, snapshot: takeSnapshot(program).bytes, output: wasi.output };
    }
    case 'restore': {
      const { program, wasi } = load(new Uint8Array(task.bytes), task.args, 0);
      wasi.output = task.output;
      restoreSnapshot(program, task.snapshot);
      const outcome = program.run();
      const exited = outcome.state === 'failed' && outcome.error instanceof Exit;
      return { state: exited ? 'finished' : outcome.state, output: wasi.output };
    }
    case 'bench':
      return bench(new Uint8Array(task.bytes), task.args, task.rounds, task.variants);
  }
}

function load(bytes: Uint8Array<ArrayBuffer>, args: string[], stopAt: number): { program: Program; wasi: WasiStub } {
  const suspendable = new SuspendableModule(new WebAssembly.Module(instrument(bytes).bytes));
  const wasi = new WasiStub(args);
  let polls = 0;
  const options = stopAt > 0 ? { atEachPoll: () => ++polls === stopAt } : {};
  const program = new Program(suspendable, { wasi_snapshot_preview1: wasi.imports }, options);
  wasi.memory = program.instance.exports[exported.memory(0)] as WebAssembly.Memory;
  return { program, wasi };
}

function bench(
  bytes: Uint8Array<ArrayBuffer>,
  args: string[],
  rounds: number,
  variants: Record<string, InstrumentOptions>,
): BenchRun {
  const plain = new WebAssembly.Module(bytes);
  const made = Object.entries(variants).map(([name, options]) => {
    const module = new WebAssembly.Module(instrument(bytes, { digest: '0'.repeat(64), ...options }).bytes);
    return [name, new SuspendableModule(module)] as const;
  });
  const first: Record<string, number> = {};
  const later: Record<string, number[]> = {};
  const polls: Record<string, number> = {};
  const outputs = new Set<string>();
  const note = (name: string, wasi: WasiStub, body: () => void): void => {
    const start = performance.now();
    try {
      body();
    } catch (error) {
      if (!(error instanceof Exit)) throw error;
    }
    const taken = performance.now() - start;
    outputs.add(wasi.output);
    if (first[name] === undefined) first[name] = taken;
    else (later[name] ??= []).push(taken);
  };
  for (let round = 0; round <= rounds; round++) {
    const wasi = new WasiStub(args);
    const instance = new WebAssembly.Instance(plain, { wasi_snapshot_preview1: wasi.imports });
    wasi.memory = instance.exports.memory as WebAssembly.Memory;
    note('plain', wasi, instance.exports._start as () => void);
    for (const [name, suspendable] of made) {
      const ours = new WasiStub(args);
      const program = new Program(suspendable, { wasi_snapshot_preview1: ours.imports });
      ours.memory = program.instance.exports[exported.memory(0)] as WebAssembly.Memory;
      program.start();
      note(name, ours, () => {
        const outcome = program.run();
        if (outcome.state === 'failed') throw outcome.error;
      });
      polls[name] = program.polls;
    }
  }
  if (outputs.size !== 1) throw new Error(`outputs differ: ${[...outputs].join(' / ')}`);
  return { first, later, polls };
}
