/** The end of a program by proc_exit. */
export class Exit extends Error {
  readonly code: number;
  constructor(code: number) {
    super(`exit ${code}`);
    this.code = code;
  }
}

/**
 * As much of WASI preview 1 as the test programs use, deterministic: the clock counts its reads, random numbers come
 * from a counter, output is collected. The state is in the object, not in the instance, so it survives a move.
 */
export class WasiStub {
  readonly args: readonly string[];
  output = '';
  /** Set before running; the stub needs the memory of the instance that calls it. */
  memory: WebAssembly.Memory | undefined;
  /** Called at the start of calls that a host may suspend. */
  beforeCall: (name: string) => void = () => {};
  #clock = 0n;
  #random = 1;

  constructor(args: readonly string[] = []) {
    this.args = args;
  }

  get #view(): DataView {
    return new DataView(this.memory!.buffer);
  }

  readonly #strings = (list: readonly string[], pointers: number, buffer: number): number => {
    let at = buffer;
    list.forEach((text, i) => {
      this.#view.setUint32(pointers + i * 4, at, true);
      const bytes = new TextEncoder().encode(`${text}\0`);
      new Uint8Array(this.memory!.buffer).set(bytes, at);
      at += bytes.length;
    });
    return 0;
  };

  readonly #sizes = (list: readonly string[], count: number, size: number): number => {
    this.#view.setUint32(count, list.length, true);
    this.#view.setUint32(
      size,
      list.reduce((sum, text) => sum + new TextEncoder().encode(text).length + 1, 0),
      true,
    );
    return 0;
  };

  readonly imports: Record<string, (...args: never[]) => number> = new Proxy(
    {
      args_get: (pointers: number, buffer: number) => this.#strings(['program', ...this.args], pointers, buffer),
      args_sizes_get: (count: number, size: number) => this.#sizes(['program', ...this.args], count, size),
      environ_get: () => 0,
      environ_sizes_get: (count: number, size: number) => this.#sizes([], count, size),
      clock_time_get: (_id: number, _precision: bigint, at: number) => {
        this.#view.setBigUint64(at, (this.#clock += 1_000_000n), true);
        return 0;
      },
      random_get: (at: number, length: number) => {
        const bytes = new Uint8Array(this.memory!.buffer, at, length);
        for (let i = 0; i < length; i++) bytes[i] = (this.#random = (this.#random * 69069 + 1) >>> 0) >>> 24;
        return 0;
      },
      fd_write: (fd: number, vectors: number, count: number, written: number) => {
        this.beforeCall('fd_write');
        if (fd !== 1 && fd !== 2) return 8;
        let total = 0;
        for (let i = 0; i < count; i++) {
          const at = this.#view.getUint32(vectors + i * 8, true);
          const length = this.#view.getUint32(vectors + i * 8 + 4, true);
          this.output += new TextDecoder().decode(new Uint8Array(this.memory!.buffer, at, length).slice());
          total += length;
        }
        this.#view.setUint32(written, total, true);
        return 0;
      },
      fd_fdstat_get: (fd: number, at: number) => {
        if (fd > 2) return 8;
        new Uint8Array(this.memory!.buffer).fill(0, at, at + 24);
        this.#view.setUint8(at, 2);
        return 0;
      },
      proc_exit: (code: number): number => {
        throw new Exit(code);
      },
      sched_yield: () => 0,
    } as Record<string, (...args: never[]) => number>,
    { get: (calls, name: string) => calls[name] ?? ((): number => (name.startsWith('fd_prestat') ? 8 : 52)) },
  );
}
