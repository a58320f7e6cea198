import { type InstrumentOptions, instrument } from '../instrument/instrument.ts';
import { Program } from '../runtime/program.ts';
import { SuspendableModule } from '../runtime/suspendable-module.ts';
import { restoreSnapshot, takeSnapshot } from '../snapshot/snapshot.ts';
import { captureState, restoreState } from '../snapshot/state.ts';

/** What a generated module's run shows: its log, how it ended, its memory and globals. */
export interface GeneratedRun {
  readonly log: string;
  readonly end: string;
  readonly memory: number;
}

/** The host of generated modules; `ask` answers from a counter, and blocks at every `blockEach`-th call. */
class Host {
  readonly lines: string[] = [];
  #asked = 0;
  #blocked = false;
  block: (() => never) | undefined;
  readonly blockEach: number;

  constructor(blockEach: number) {
    this.blockEach = blockEach;
  }

  readonly imports: WebAssembly.Imports = {
    env: {
      log: (value: number): void => {
        this.lines.push(String(value));
      },
      ask: (a: number, b: bigint): number => {
        if (this.block && this.blockEach > 0 && !this.#blocked && (this.#asked + 1) % this.blockEach === 0) {
          this.#blocked = true;
          this.block();
        }
        this.#blocked = false;
        this.#asked++;
        this.lines.push(`ask ${a} ${b}`);
        return (a ^ Number(BigInt.asIntN(32, b)) ^ this.#asked) | 0;
      },
    },
  };
}

function finish(host: Host, error: unknown, memory: WebAssembly.Memory): GeneratedRun {
  let h = 0;
  for (const word of new Uint32Array(memory.buffer)) h = Math.imul(h ^ word, 0x01000193) >>> 0;
  const end =
    error === undefined
      ? 'returned'
      : error instanceof WebAssembly.Exception
        ? 'exception'
        : error instanceof WebAssembly.RuntimeError
          ? error.message.replace(/ \(evaluating .*\)$/, '') // WebKit tells the caller, too
          : error instanceof RangeError
            ? 'stack'
            : `error ${(error as Error).stack}`;
  return { log: host.lines.join('\n'), end, memory: h };
}

export function runGeneratedPlain(bytes: Uint8Array<ArrayBuffer>): GeneratedRun {
  const host = new Host(0);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), host.imports);
  let failed: unknown;
  try {
    (exports._start as () => void)();
  } catch (error) {
    failed = error;
  }
  return finish(host, failed, exports.memory as WebAssembly.Memory);
}

export interface GeneratedRunOptions {
  readonly every: number;
  readonly most: number;
  readonly move: boolean;
  /** Let every so many-th `ask` block once. */
  readonly blockEach: number;
  readonly instrument?: InstrumentOptions;
  /** Move through the bytes of a snapshot, not the state as objects. */
  readonly asBytes?: boolean;
}

export function runGeneratedSuspended(
  bytes: Uint8Array<ArrayBuffer>,
  options: GeneratedRunOptions,
): GeneratedRun & { moves: number; polls: number; snapshots: Uint8Array[] } {
  const { bytes: instrumented } = instrument(bytes, { digest: '0'.repeat(64), ...options.instrument });
  const suspendable = new SuspendableModule(new WebAssembly.Module(instrumented));
  const host = new Host(options.blockEach);
  let polls = 0;
  let moves = 0;
  const snapshots: Uint8Array[] = [];
  const atEachPoll = (): boolean => ++polls % options.every === 0 && moves < options.most;
  const make = (): Program => {
    const made = new Program(suspendable, host.imports, options.every > 0 ? { atEachPoll } : {});
    host.block = () => made.suspendUntil(Promise.resolve());
    return made;
  };
  let program = make();
  program.start();
  for (;;) {
    const outcome = program.run();
    if (outcome.state === 'suspended') {
      moves++;
      if (!options.move) continue;
      if (options.asBytes) {
        const { bytes: snapshot } = takeSnapshot(program);
        snapshots.push(snapshot);
        program = make();
        restoreSnapshot(program, snapshot);
        continue;
      }
      const state = captureState(program);
      program = make();
      restoreState(program, state);
      continue;
    }
    const run = finish(
      host,
      outcome.state === 'failed' ? outcome.error : undefined,
      program.instance.exports.memory as WebAssembly.Memory,
    );
    return { ...run, moves, polls, snapshots };
  }
}
