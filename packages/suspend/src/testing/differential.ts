import { type InstrumentOptions, instrument } from '../instrument/instrument.ts';
import { exported } from '../instrument/names.ts';
import { Program } from '../runtime/program.ts';
import { SuspendableModule } from '../runtime/suspendable-module.ts';
import { captureState, restoreState } from '../snapshot/state.ts';
import { Exit, WasiStub } from './wasi-stub.ts';

/** What a run shows to the outside; equal for every way of running. */
export interface Observed {
  readonly output: string;
  /** Exit code, or the error's message without engine-specific parts. */
  readonly end: string;
  readonly memory: string;
}

/** FNV over the memory, for comparison only. */
function hash(memory: WebAssembly.Memory | undefined): string {
  if (!memory) return 'none';
  const words = new Uint32Array(memory.buffer);
  let h = 0x811c9dc5;
  for (let i = 0; i < words.length; i++) h = Math.imul(h ^ words[i]!, 0x01000193);
  return `${words.length}:${h >>> 0}`;
}

function endOf(error: unknown): string {
  if (error instanceof Exit) return `exit ${error.code}`;
  if (error instanceof WebAssembly.RuntimeError) return `trap: ${error.message.replace(/ \(evaluating .*\)$/, '')}`;
  return `error: ${(error as Error).message ?? error}`;
}

export function runPlain(bytes: Uint8Array<ArrayBuffer>, args: readonly string[] = []): Observed {
  const wasi = new WasiStub(args);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { wasi_snapshot_preview1: wasi.imports });
  wasi.memory = instance.exports.memory as WebAssembly.Memory;
  let end = 'exit 0';
  try {
    (instance.exports._start as () => void)();
  } catch (error) {
    end = endOf(error);
  }
  return { output: wasi.output, end, memory: hash(wasi.memory) };
}

export interface SuspendedRun extends Observed {
  readonly polls: number;
  readonly moves: number;
  readonly deepest: number;
  readonly continuations: number;
}

export interface SuspendedRunOptions {
  readonly args?: readonly string[];
  /** Suspend at each k-th poll; 0: never. */
  readonly every: number;
  /** Move to a new instance at each suspension, else go on in place. */
  readonly move?: boolean;
  /** Stop suspending after so many. */
  readonly most?: number;
  readonly instrument?: InstrumentOptions;
}

/** Runs instrumented code, suspending at each k-th poll and moving to a new instance each time. */
export function runSuspended(bytes: Uint8Array<ArrayBuffer>, options: SuspendedRunOptions): SuspendedRun {
  const { bytes: instrumented } = instrument(bytes, { digest: '0'.repeat(64), ...options.instrument });
  return runInstrumented(new SuspendableModule(new WebAssembly.Module(instrumented)), options);
}

export function runInstrumented(suspendable: SuspendableModule, options: SuspendedRunOptions): SuspendedRun {
  const { every, move = true, most = Number.POSITIVE_INFINITY } = options;
  const wasi = new WasiStub(options.args ?? []);
  let polls = 0;
  let moves = 0;
  let deepest = 0;
  const atEachPoll = (): boolean => ++polls % every === 0 && moves < most;
  const make = (): Program =>
    new Program(suspendable, { wasi_snapshot_preview1: wasi.imports }, every > 0 ? { atEachPoll } : {});
  let program = make();
  const attach = (): void => {
    wasi.memory = program.instance.exports[exported.memory(0)] as WebAssembly.Memory | undefined;
  };
  attach();
  program.start();
  let end = 'exit 0';
  for (;;) {
    const outcome = program.run();
    if (outcome.state === 'suspended') {
      moves++;
      deepest = Math.max(deepest, program.frames.length);
      if (move) {
        const state = captureState(program);
        program = make();
        restoreState(program, state);
        attach();
      }
      continue;
    }
    if (outcome.state === 'failed') end = endOf(outcome.error);
    break;
  }
  return {
    output: wasi.output,
    end,
    memory: hash(wasi.memory),
    polls,
    moves,
    deepest,
    continuations: suspendable.continuations,
  };
}
