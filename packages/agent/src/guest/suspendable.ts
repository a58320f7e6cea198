// Runs one instrumented program in slices. Between two slices the worker handles its messages, so a checkpoint can be
// asked for in every engine, without shared memory and without any header on the host page.
import { type Program, type SnapshotBase, SuspendableModule, takeSnapshot } from '@wigeon/suspend';
import { encodeState, WasiHost, type WasiState } from '@wigeon/wasi';
import type { GuestCommand, GuestExit, GuestStart } from './messages.ts';
import { environment, exitOf, guestOutput, messageOf, type Post, startError } from './run.ts';
import { beginSuspendable } from './suspendable-program.ts';

/** Longest time between two looks at the messages, in milliseconds. A slice costs a fraction of one. */
const SLICE_MS = 40;

export class SuspendableGuest {
  readonly #start: GuestStart;
  readonly #post: Post;
  readonly #nextTurn: () => Promise<void>;
  readonly #commands: GuestCommand[] = [];
  #commanded = Promise.withResolvers<void>();
  #program: Program | undefined;
  #host: WasiHost | undefined;
  /** What the next delta builds on. */
  #base: { readonly memory: SnapshotBase; readonly state: WasiState; readonly sequence: number } | undefined;
  #sequence = 0;

  constructor(start: GuestStart, post: Post, nextTurn: () => Promise<void>) {
    this.#start = start;
    this.#post = post;
    this.#nextTurn = nextTurn;
  }

  command(command: GuestCommand): void {
    this.#commands.push(command);
    this.#commanded.resolve();
  }

  /** Posts what happens; the last report is `exited`, or a final checkpoint. Never rejects. */
  async run(): Promise<void> {
    let exit: GuestExit | undefined;
    try {
      exit = await this.#run();
    } catch (error) {
      exit = startError(`the program could not be ${this.#start.resume ? 'resumed' : 'started'}: ${messageOf(error)}`);
    }
    if (exit) this.#post(exit, []);
  }

  /** @returns undefined after a final checkpoint */
  async #run(): Promise<GuestExit | undefined> {
    const { program, host } = this.#begin();
    this.#post({ kind: 'running' }, []);
    for (;;) {
      const outcome = program.run(SLICE_MS);
      if (outcome.state === 'finished') {
        host.flush();
        return { kind: 'exited', cause: 'exit', exitCode: 0 };
      }
      if (outcome.state === 'failed') {
        host.flush();
        return exitOf(host, outcome.error);
      }
      if (outcome.reason === 'wait') {
        if (!(await this.#wait(outcome.ready))) return undefined;
      } else {
        await this.#nextTurn();
        if (!this.#obey()) return undefined;
      }
    }
  }

  #begin(): { program: Program; host: WasiHost } {
    const { module, argv, env, resume } = this.#start;
    if (resume?.snapshots.length === 0) throw new Error('there is no snapshot to resume from');
    const write = guestOutput(this.#start, this.#post);
    const { program, host } = beginSuspendable({
      module: new SuspendableModule(module),
      createHost: (blocking) =>
        new WasiHost({
          args: argv,
          env: environment(env),
          stdout: (bytes) => write('stdout', bytes),
          stderr: (bytes) => write('stderr', bytes),
          blocking,
        }),
      snapshots: resume?.snapshots ?? [],
    });
    this.#sequence = resume?.sequence ?? 0;
    this.#program = program;
    this.#host = host;
    return { program, host };
  }

  /** Until a host call can complete; commands are obeyed meanwhile. @returns false when the program is to stay suspended */
  async #wait(ready: Promise<unknown> | undefined): Promise<boolean> {
    let settled = false;
    const done = Promise.resolve(ready).then(
      () => {
        settled = true;
      },
      () => {
        settled = true;
      },
    );
    while (!settled) {
      if (!this.#obey()) return false;
      await Promise.race([done, this.#commanded.promise]);
    }
    return this.#obey();
  }

  /** Does what was asked for since the last slice. @returns false when the program is to stay suspended */
  #obey(): boolean {
    const commands = this.#commands.splice(0);
    this.#commanded = Promise.withResolvers();
    if (commands.some(({ kind }) => kind === 'stop')) {
      this.#post({ kind: 'idle' }, []);
      return false;
    }
    const checkpoints = commands.filter((command) => command.kind === 'checkpoint');
    if (checkpoints.length === 0) return true;
    const final = checkpoints.some((command) => command.final);
    this.#checkpoint(
      final,
      checkpoints.every((command) => command.delta),
    );
    return !final;
  }

  #checkpoint(final: boolean, delta: boolean): void {
    const program = this.#program;
    const host = this.#host;
    if (!program || !host) return;
    const before = delta ? this.#base : undefined;
    const state = host.save(before?.state);
    const { bytes, base } = takeSnapshot(program, {
      host: encodeState(state),
      ...(before ? { base: before.memory } : {}),
    });
    const sequence = ++this.#sequence;
    this.#base = { memory: base, state, sequence };
    const { stdout, stderr } = state.streams;
    const memoryBytes = memoryOf(program.instance);
    this.#post(
      {
        kind: 'checkpoint',
        sequence,
        base: before?.sequence ?? null,
        bytes,
        streams: { stdout, stderr },
        memoryBytes,
        final,
      },
      [bytes.buffer],
    );
  }
}

function memoryOf(instance: WebAssembly.Instance): number {
  const { memory } = instance.exports;
  return memory instanceof WebAssembly.Memory ? memory.buffer.byteLength : 0;
}
