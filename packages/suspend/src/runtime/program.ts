import { type AddedIndexes, addedIndexes } from '../instrument/context.ts';
import { carrier } from '../instrument/layout.ts';
import { exported } from '../instrument/names.ts';
import type { Module } from '../module/decode.ts';
import { SuspendError } from '../module/error.ts';
import { valueType } from '../module/value-type.ts';
import { type Frame, resumeOrder, type Values } from './frame.ts';
import { Port } from './port.ts';
import { Quantum } from './quantum.ts';
import type { SuspendableModule } from './suspendable-module.ts';

export interface ProgramOptions {
  /** Milliseconds, monotonic; default `performance.now`. */
  readonly now?: () => number;
  /** A word that another thread sets to non-zero to ask for a suspension; needs shared memory. */
  readonly requested?: Int32Array;
  /**
   * Asked at every poll; true suspends there. Given, it also makes polls as frequent as they can be: for tests that
   * suspend at each k-th poll.
   */
  readonly atEachPoll?: () => boolean;
}

/** Why a program is suspended. `wait`: a host call cannot complete until `ready` settles. */
export type SuspendReason = 'request' | 'slice' | 'wait';

export type RunOutcome =
  | { readonly state: 'finished'; readonly results: Values }
  | { readonly state: 'suspended'; readonly reason: SuspendReason; readonly ready: Promise<unknown> | undefined }
  /** The guest trapped, or an exception of the guest or of a host function left it. */
  | { readonly state: 'failed'; readonly error: unknown };

/** How the guest was left. */
type Left = 'returned' | 'captured' | { readonly error: unknown };

type Next =
  | { readonly kind: 'idle' }
  | { readonly kind: 'start'; readonly functions: readonly string[] }
  /** The innermost frame goes on where it was captured. */
  | { readonly kind: 'resume' }
  | { readonly kind: 'return'; readonly values: Values }
  | { readonly kind: 'throw'; readonly error: unknown };

const noValues = (): Values => ({ ints: [], longs: [], references: [] });

/**
 * One instance of an instrumented module and its logical stack. While the program runs, frames that are not on the
 * engine's stack are data here: a resumed frame runs alone, and only when it returns is the one outside it resumed. So
 * a suspension costs what has changed since the last one, whatever the depth.
 */
export class Program {
  readonly suspendable: SuspendableModule;
  readonly instance: WebAssembly.Instance;
  readonly imports: WebAssembly.Imports;
  readonly added: AddedIndexes;
  /** Outermost first; without those on the engine's stack. */
  frames: Frame[] = [];
  next: Next = { kind: 'idle' };
  readonly #options: ProgramOptions;
  readonly #port = new Port();
  readonly #quantum: Quantum;
  readonly #now: () => number;
  readonly #tag: WebAssembly.Tag;
  readonly #fuel: WebAssembly.Global;
  readonly #slack: WebAssembly.Global;
  readonly #bankSite: WebAssembly.Global;
  readonly #transfer: WebAssembly.Global;
  readonly #continuations = new Map<string, () => void>();
  readonly #in: Values = noValues();
  #cursor = { int: 0, long: 0, reference: 0 };
  #out: Values = noValues();
  #thrown: { error: unknown } | undefined;
  #request = false;
  #deadline = Number.POSITIVE_INFINITY;
  #reason: SuspendReason = 'request';
  #ready: Promise<unknown> | undefined;
  /** The suspension under way was decided in a poll or host call; otherwise a poll that cannot return has thrown. */
  #decided = false;
  /** The guest was left only to go on in another continuation. */
  #transferred = false;
  #polls = 0;

  constructor(suspendable: SuspendableModule, imports: WebAssembly.Imports, options: ProgramOptions = {}) {
    this.suspendable = suspendable;
    this.imports = imports;
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#quantum = new Quantum(this.#now);
    this.instance = new WebAssembly.Instance(suspendable.module, imports);
    const { metadata } = suspendable;
    this.added = addedIndexes(this.module, metadata.droppable);
    const at = <Type>(name: string): Type => this.instance.exports[name] as Type;
    this.#tag = at(exported.tag(this.added.tag));
    this.#fuel = at(exported.global(this.added.fuel));
    this.#slack = at(exported.global(this.added.slack));
    this.#bankSite = at(exported.global(this.added.bankSite));
    this.#transfer = at(exported.global(this.added.transfer));
    this.#port.install(at(exported.port), metadata.saves, () => this.#poll());
    this.#refill();
  }

  get module(): Module {
    return this.suspendable.factory.module;
  }

  /** Polls that have fired. */
  get polls(): number {
    return this.#polls;
  }

  /** Makes the next `run` call an exported function without parameters, after the module's start function if any. */
  start(name = '_start'): void {
    if (this.next.kind !== 'idle' || this.frames.length > 0) throw new SuspendError('bad-state', 'program has begun');
    const functions = [exported.start, name].filter((candidate) => candidate in this.instance.exports);
    if (functions.at(-1) !== name) throw new SuspendError('bad-state', `module does not export ${name}`);
    this.next = { kind: 'start', functions };
  }

  /** Asks for a suspension at the next poll. From inside a host call it is honoured after that call. */
  requestSuspend(): void {
    this.#request = true;
    this.#fuel.value = 0;
  }

  /**
   * For a host call that cannot complete now and has had no effect yet: unwinds the guest; `run` returns with `ready`,
   * and the next `run` makes the same call again.
   */
  suspendUntil(ready: Promise<unknown>): never {
    this.#decided = true;
    this.#reason = 'wait';
    this.#ready = ready;
    throw this.#exception();
  }

  /** Runs until the program finishes, fails, is suspended, or `sliceMs` have passed. */
  run(sliceMs: number = Number.POSITIVE_INFINITY): RunOutcome {
    if (this.next.kind === 'idle') throw new SuspendError('bad-state', 'nothing to run');
    this.#deadline = sliceMs === Number.POSITIVE_INFINITY ? sliceMs : this.#now() + sliceMs;
    this.#quantum.restart();
    for (;;) {
      const left = this.#step();
      if (left === 'captured') {
        const outcome = this.#suspended();
        if (outcome) return outcome;
        continue;
      }
      if (left !== 'returned') {
        // A trap is caught by no frame, whatever its handlers.
        if (isTrap(left.error)) {
          this.next = { kind: 'idle' };
          return { state: 'failed', error: left.error };
        }
        this.next = { kind: 'throw', error: left.error };
      }
      const { next } = this;
      if (next.kind === 'return' && this.frames.length === 0) {
        this.next = { kind: 'idle' };
        return { state: 'finished', results: next.values };
      }
      if (next.kind === 'throw' && this.frames.length === 0) {
        this.next = { kind: 'idle' };
        return { state: 'failed', error: next.error };
      }
    }
  }

  /** One entry into the guest. Errors of our own are thrown, those that come out of the guest returned. */
  #step(): Left {
    const { next } = this;
    switch (next.kind) {
      case 'idle':
        throw new SuspendError('bad-state', 'nothing to run');
      case 'start': {
        const [name, ...rest] = next.functions;
        const call = this.instance.exports[name!] as () => unknown;
        this.next = rest.length > 0 ? { kind: 'start', functions: rest } : { kind: 'return', values: noValues() };
        return this.#guard(() => call());
      }
      case 'throw': {
        // Frames that cannot catch it are skipped without making continuations for them.
        while (this.frames.length > 0 && !this.#info(this.frames.at(-1)!).catches) this.frames.pop();
        if (this.frames.length === 0) return 'returned';
        this.#thrown = { error: next.error };
        return this.#resume(noValues(), false);
      }
      case 'return':
        return this.#resume(next.values, false);
      case 'resume': {
        const remake = this.#info(this.frames.at(-1)!).site.kind === 'call';
        return this.#resume(noValues(), remake);
      }
    }
  }

  #info(frame: Frame): ReturnType<SuspendableModule['factory']['site']> {
    return this.suspendable.factory.site(frame.offset);
  }

  #resume(returned: Values, remake: boolean): Left {
    const frame = this.frames.pop()!;
    const values = resumeOrder(frame, this.#info(frame));
    this.#in.ints = values.ints.concat(returned.ints);
    this.#in.longs = values.longs.concat(returned.longs);
    this.#in.references = values.references.concat(returned.references);
    this.#cursor = { int: 0, long: 0, reference: 0 };
    const out = noValues();
    this.#out = out;
    const run = this.#continuation(frame.offset, remake);
    this.next = { kind: 'return', values: out };
    return this.#guard(run);
  }

  /** Calls into the guest; if our exception comes out, the new frames are put on the stack. */
  #guard(call: () => void): Left {
    try {
      call();
      return 'returned';
    } catch (error) {
      if (!(error instanceof WebAssembly.Exception && error.is(this.#tag))) return { error };
    }
    const rest = this.next;
    const captured = this.#port.take();
    if (this.#transfer.value !== 0) {
      this.#transfer.value = 0;
      this.#transferred = true;
    }
    const bank = this.#bankSite.value as number;
    if (bank !== 0) {
      this.#bankSite.value = 0;
      captured.unshift(this.#fromBank(bank));
    }
    // A start function was interrupted: what was to run after it still is, see `start`.
    if (rest.kind === 'start') throw new SuspendError('bad-state', 'suspension inside a start function');
    for (let i = captured.length - 1; i >= 0; i--) this.frames.push(captured[i]!);
    this.next = { kind: 'resume' };
    return 'captured';
  }

  #fromBank(offset: number): Frame {
    const values = noValues();
    let ints = 0;
    let longs = 0;
    const global = (i: number): unknown => (this.instance.exports[exported.global(i)] as WebAssembly.Global).value;
    const long = (): void => {
      values.longs.push(global(this.added.bank + 2 * longs++ + 1) as bigint);
    };
    for (const { type } of this.suspendable.factory.site(offset).slots) {
      if (carrier(type) === 'int') values.ints.push(global(this.added.bank + 2 * ints++) as number);
      else {
        long();
        if (type === valueType.v128) long();
      }
    }
    return { offset, order: 'resume', ...values };
  }

  /** After a capture: the outcome to return, or undefined to go on in place. */
  #suspended(): RunOutcome | undefined {
    if (this.#transferred) {
      this.#transferred = false;
      return undefined;
    }
    if (!this.#decided) {
      // A poll that cannot return has used up all it was granted; its local countdown was not settled.
      this.#fuel.value = -(this.#slack.value as number);
      if (!this.#decide()) {
        this.#refill();
        return undefined;
      }
    }
    this.#decided = false;
    const ready = this.#ready;
    this.#ready = undefined;
    const reason = this.#reason;
    this.#reason = 'request';
    this.#request = false;
    this.#refill();
    return { state: 'suspended', reason, ready };
  }

  /** 1: the guest is to throw our exception. */
  #poll(): number {
    if (this.#decide()) {
      this.#decided = true;
      return 1;
    }
    this.#refill();
    return 0;
  }

  /** Whether to suspend at this poll. */
  #decide(): boolean {
    this.#polls++;
    const { atEachPoll, requested } = this.#options;
    if (atEachPoll?.() || this.#request || (requested && Atomics.load(requested, 0) !== 0)) {
      this.#reason = 'request';
      return true;
    }
    if (this.#deadline !== Number.POSITIVE_INFINITY && this.#now() >= this.#deadline) {
      this.#reason = 'slice';
      return true;
    }
    return false;
  }

  #refill(): void {
    if (this.#options.atEachPoll) {
      this.#fuel.value = 0;
      this.#slack.value = 0;
      return;
    }
    this.#quantum.refill(this.#fuel.value);
    this.#fuel.value = this.#quantum.fuel;
    this.#slack.value = this.#quantum.slack;
  }

  #exception(): WebAssembly.Exception {
    return new WebAssembly.Exception(this.#tag, []);
  }

  #continuation(offset: number, remake: boolean): () => void {
    const key = `${offset}${remake ? '!' : ''}`;
    let run = this.#continuations.get(key);
    if (run) return run;
    const { module, functions, helpers } = this.suspendable.continuation(offset, remake);
    const table = this.instance.exports[exported.functions] as WebAssembly.Table;
    const { exports } = new WebAssembly.Instance(module, {
      h: this.#host,
      m: this.instance.exports as WebAssembly.ModuleImports,
      f: Object.fromEntries(functions.map((f) => [String(f), table.get(f)])),
      s: Object.fromEntries(helpers.map((name) => [name, this.instance.exports[name] as () => void])),
    });
    run = exports.run as () => void;
    this.#continuations.set(key, run);
    return run;
  }

  readonly #host = {
    i: (): number => this.#in.ints[this.#cursor.int++]!,
    l: (): bigint => this.#in.longs[this.#cursor.long++]!,
    f: (): unknown => this.#in.references[this.#cursor.reference++],
    e: (): unknown => this.#in.references[this.#cursor.reference++],
    rethrow: (): void => {
      const thrown = this.#thrown;
      this.#thrown = undefined;
      if (thrown) throw thrown.error;
    },
    foreign: (): void => {
      throw new SuspendError(
        'snapshot-unsupported',
        'an exception of the host was being handled when it was suspended',
      );
    },
    pi: (value: number): void => {
      this.#out.ints.push(value);
    },
    pl: (value: bigint): void => {
      this.#out.longs.push(value);
    },
    pf: (value: unknown): void => {
      this.#out.references.push(value);
    },
    pe: (value: unknown): void => {
      this.#out.references.push(value);
    },
  };
}

/** Traps and exhausted stacks; neither is catchable by WebAssembly code. */
export function isTrap(error: unknown): boolean {
  // SpiderMonkey throws InternalError when the stack is exhausted, the others RangeError.
  const name = (error as { name?: unknown } | null)?.name;
  return error instanceof WebAssembly.RuntimeError || name === 'RangeError' || name === 'InternalError';
}
