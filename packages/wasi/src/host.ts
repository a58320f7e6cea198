import { WASIProcExit } from '@bjorn3/browser_wasi_shim';
import type { Blocking } from './blocking/blocking.ts';
import { chooseBlocking, promiseIntegration } from './blocking/choose.ts';
import { descriptorCalls } from './calls/descriptors.ts';
import { directoryCalls } from './calls/directories.ts';
import { environmentCalls } from './calls/environment.ts';
import { guardCalls } from './calls/guard.ts';
import { openCall } from './calls/open.ts';
import { pathCalls } from './calls/paths.ts';
import { pollCall } from './calls/poll.ts';
import { socketCalls } from './calls/sockets.ts';
import type { Clock } from './clock.ts';
import { platformClock } from './clock.ts';
import { WasiError } from './error.ts';
import { DirectoryDescriptor } from './fd/directory.ts';
import { DIRECTORY_RIGHTS, INHERITED_RIGHTS } from './fd/rights.ts';
import type { Connection, Listener } from './fd/socket.ts';
import { ListenerDescriptor, SocketDescriptor } from './fd/socket.ts';
import { InputDescriptor, OutputDescriptor } from './fd/stream.ts';
import { DescriptorTable } from './fd/table.ts';
import { MemoryInode } from './fs/memory-node.ts';
import { MemoryTree } from './fs/memory-tree.ts';
import { mountAll } from './fs/mount-all.ts';
import type { Mount } from './fs/namespace.ts';
import { Namespace } from './fs/namespace.ts';
import { GuestTimes } from './guest-times.ts';
import { encodeText, GuestMemory } from './memory.ts';
import type { Calls, Process } from './process.ts';
import type { RandomSource } from './random.ts';
import { platformRandom } from './random.ts';
import type { FirstDescriptors } from './state/descriptors.ts';
import { restoreDescriptors, saveDescriptors } from './state/descriptors.ts';
import type { WasiState } from './state/state.ts';
import { releaseUnused, restoreTree, saveTree } from './state/tree.ts';
import { closedInput } from './stream/input.ts';
import { directOutput } from './stream/output.ts';
import type { InputStream, OutputStream } from './stream/stream.ts';

export interface WasiOptions {
  /** Program name first, as in C. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Default: the end at once. */
  readonly stdin?: InputStream;
  /** A function gets every write at once, and the bytes are its to keep; a stream may also hold the guest back. */
  readonly stdout: OutputStream | ((bytes: Uint8Array) => void);
  readonly stderr: OutputStream | ((bytes: Uint8Array) => void);
  /**
   * What the program sees, each also as a pre-opened directory from descriptor 3 on. A mount below another one's path is
   * found through that one, too. Default: an empty tree at `/`.
   */
  readonly mounts?: readonly Mount[];
  /** Sockets that are open from the start, at the numbers after an unused one behind the directories. */
  readonly sockets?: readonly (Connection | Listener)[];
  /** stdin, stdout and stderr are a terminal (`isatty`). Default false. */
  readonly terminal?: boolean;
  readonly clock?: Clock;
  readonly random?: RandomSource;
  /** How calls wait. Default: `chooseBlocking()`, which needs `startAsync` where it picks `promise`. */
  readonly blocking?: Blocking;
  /** Descriptors that may be open at once. Default 4096. */
  readonly maxDescriptors?: number;
}

/** Calls that may have to wait: for a stream, for a clock, or for a file of a bundle that is fetched when needed. */
const WAITING = new Set([
  'fd_read',
  'fd_write',
  'fd_pread',
  'fd_pwrite',
  'poll_oneoff',
  'sock_accept',
  'sock_recv',
  'sock_send',
]);

/**
 * One running WASI preview 1 program. Give `imports` to the instance, then call `start` (or `startAsync`, where calls
 * wait by promises). All 46 functions; errors of the program come back to it as errnos, and only a trap, an exit or a
 * mistake of ours leaves a call as an exception.
 *
 *     const host = new WasiHost({ args: ['hello'], env: {}, stdout: write, stderr: write, blocking: { kind: 'sleep' } });
 *     const code = host.start(new WebAssembly.Instance(module, host.imports));
 */
export class WasiHost {
  readonly imports: { readonly wasi_snapshot_preview1: WebAssembly.ModuleImports };
  readonly blocking: Blocking;
  readonly #process: Process;
  readonly #times: GuestTimes;
  readonly #outputs: readonly OutputStream[];
  readonly #mounts: readonly Mount[];
  readonly #first: FirstDescriptors & Record<'stdin' | 'stdout' | 'stderr', { moved: number }>;

  constructor(options: WasiOptions) {
    this.blocking = options.blocking ?? chooseBlocking();
    const clock = options.clock ?? platformClock();
    const memory = new GuestMemory();
    const table = new DescriptorTable(options.maxDescriptors ?? 4096);
    const namespace = new Namespace();
    this.#times = new GuestTimes(clock);
    this.#process = {
      args: options.args.map((arg) => cString(arg, 'an argument')),
      env: Object.entries(options.env).map(([name, value]) => cString(`${name}=${value}`, `variable ${name}`)),
      memory,
      table,
      namespace,
      clock,
      random: options.random ?? platformRandom,
      times: this.#times,
    };
    const outputs = [asStream(options.stdout), asStream(options.stderr)] as const;
    this.#outputs = outputs;
    const terminal = options.terminal ?? false;
    const stdin = new InputDescriptor(options.stdin ?? closedInput(), terminal);
    const stdout = new OutputDescriptor(outputs[0], terminal, 2);
    const stderr = new OutputDescriptor(outputs[1], terminal, 3);
    for (const descriptor of [stdin, stdout, stderr]) table.add(descriptor);
    const mounts = options.mounts ?? [{ path: '/', root: new MemoryTree().root }];
    this.#mounts = mounts;
    for (const { place, path } of mountAll(namespace, mounts)) {
      table.add(new DirectoryDescriptor(place, DIRECTORY_RIGHTS, INHERITED_RIGHTS, 0, path));
    }
    // An unused number in between: wasi-libc looks for directories until one is not open.
    let fd = 4 + mounts.length;
    const sockets = (options.sockets ?? []).map((socket) =>
      'accept' in socket ? new ListenerDescriptor(socket) : new SocketDescriptor(socket),
    );
    for (const socket of sockets) table.set(fd++, socket);
    this.#first = { stdin, stdout, stderr, sockets };
    const guarded = guardCalls(allCalls(this.#process), {
      memory,
      blocking: this.blocking,
      now: () => this.#times.monotonic(),
      beforeWait: () => this.flush(),
      waited: (milliseconds) => this.#times.waited(milliseconds),
      gaveUp: () => {
        this.#times.pollStarted = undefined;
      },
      waiting: WAITING,
    });
    this.imports = { wasi_snapshot_preview1: guarded as WebAssembly.ModuleImports };
  }

  /** Ties the host to the instance's memory; `start` does it, an outer engine that calls `_start` itself does it first. */
  bind(instance: WebAssembly.Instance): void {
    const { memory } = instance.exports;
    if (!(memory instanceof WebAssembly.Memory)) {
      throw new WasiError('bad-module', 'the module exports no memory: it is not a WASI program');
    }
    this.#process.memory.bind(memory);
  }

  /**
   * Runs `_start` to its end and returns the exit code: 0 when it returns, the low eight bits of what the program gave
   * to `proc_exit` (exit(3)), 128 + signal for `proc_raise`. A trap passes as the engine's RuntimeError.
   */
  start(instance: WebAssembly.Instance): number {
    const start = this.#entry(instance);
    if (this.blocking.kind === 'promise') {
      throw new WasiError('cannot-wait', 'calls wait by promises here: use startAsync, or pass another `blocking`');
    }
    try {
      start();
      return 0;
    } catch (error) {
      return this.exitCode(error);
    } finally {
      this.flush();
    }
  }

  /** As `start`, for every way of waiting but `suspend`; with `promise` the thread's event loop runs on meanwhile. */
  async startAsync(instance: WebAssembly.Instance): Promise<number> {
    if (this.blocking.kind !== 'promise') return this.start(instance);
    const start = promiseIntegration().promising(this.#entry(instance));
    try {
      await start();
      return 0;
    } catch (error) {
      return this.exitCode(error);
    } finally {
      this.flush();
    }
  }

  /** The exit code if this was thrown to end the program; anything else is thrown again. */
  exitCode(thrown: unknown): number {
    if (thrown instanceof WASIProcExit) return thrown.code & 0xff;
    throw thrown;
  }

  /** Passes on output that is held back, as a host does between two slices of a program. */
  flush(): void {
    for (const output of this.#outputs) output.flush?.();
  }

  /**
   * The state of everything but memory and stack, to be continued by `restore`. Possible between two calls of the guest,
   * and while a call waits. With `since`, the trees hold only what changed after that earlier state; everything else is
   * whole. Byte arrays are copies.
   */
  save(since?: WasiState): WasiState {
    this.flush();
    const { table, random } = this.#process;
    return {
      descriptors: saveDescriptors(table, this.#first, this.#mounts),
      trees: this.#trees().map((tree, i) => saveTree(tree, since?.trees[i]?.generation)),
      clock: this.#times.save(),
      streams: {
        stdin: this.#first.stdin.moved,
        stdout: this.#first.stdout.moved,
        stderr: this.#first.stderr.moved,
      },
      pollStarted: this.#times.pollStarted,
      random: random.save?.(),
    };
  }

  /**
   * Continues a saved program in a fresh host with the same mounts (over the same bundles). Further states are deltas,
   * oldest first; all but the trees comes from the last one. Streams continue: stdin must start at the byte after
   * `streams.stdin`. The monotonic clock goes on by the time that has passed since, as a suspended machine's boot clock.
   * Throws `bad-state` where the state does not fit; the host is then of no use.
   */
  restore(...states: readonly [WasiState, ...WasiState[]]): void {
    const last = states.at(-1)!;
    const trees = this.#trees();
    for (const state of states) {
      if (state.trees.length !== trees.length) {
        throw new WasiError('bad-state', `the state has ${state.trees.length} trees, the mounts have ${trees.length}`);
      }
      for (const [i, tree] of trees.entries()) restoreTree(tree, state.trees[i]!);
    }
    restoreDescriptors(this.#process.table, last.descriptors, this.#first, this.#mounts);
    for (const tree of trees) releaseUnused(tree);
    for (const name of ['stdin', 'stdout', 'stderr'] as const) this.#first[name].moved = last.streams[name];
    this.#times.restore(last.clock, last.pollStarted);
    if (last.random !== undefined) this.#process.random.restore?.(last.random);
  }

  #trees(): MemoryTree[] {
    const trees = this.#mounts.flatMap(({ root }) => (root instanceof MemoryInode ? [root.tree] : []));
    return [...new Set(trees)];
  }

  #entry(instance: WebAssembly.Instance): () => void {
    this.bind(instance);
    const { _start } = instance.exports;
    if (typeof _start !== 'function') {
      throw new WasiError('bad-module', 'the module exports no _start function: it is not a WASI command');
    }
    return _start as () => void;
  }
}

function allCalls(process: Process): Calls {
  const descriptors = descriptorCalls(process);
  return {
    ...environmentCalls(process),
    ...descriptors,
    ...directoryCalls(process),
    ...pathCalls(process),
    ...openCall(process),
    ...pollCall(process),
    ...socketCalls(process, descriptors),
  };
}

function asStream(output: OutputStream | ((bytes: Uint8Array) => void)): OutputStream {
  return typeof output === 'function' ? directOutput(output) : output;
}

function cString(text: string, what: string): Uint8Array {
  if (text.includes('\0')) throw new WasiError('bad-option', `${what} contains a NUL character`);
  return encodeText(`${text}\0`);
}
