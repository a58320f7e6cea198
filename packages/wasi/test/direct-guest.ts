// A guest without a module: makes the calls of a program from JavaScript, on a memory of its own.
import * as wasi from '../src/abi.ts';
import { WasiHost, type WasiOptions } from '../src/index.ts';

const ALL_RIGHTS = (1n << 30n) - 1n;
/** What a program asks for when it opens a file for reading and writing. */
const FILE_RIGHTS = 0b1000_1110_0000_0000_0001_1111_1111n;

/** A call that did not succeed: the number is the errno. */
export class CallFailed extends Error {
  readonly errno: number;

  constructor(name: string, errno: number) {
    super(`${name}: errno ${errno}`);
    this.errno = errno;
  }
}

export interface Stat {
  readonly ino: bigint;
  readonly filetype: number;
  readonly nlink: bigint;
  readonly size: bigint;
  readonly mtime: bigint;
}

export interface OpenOptions {
  readonly rights?: bigint;
  readonly flags?: number;
  readonly follow?: boolean;
  readonly at?: number;
}

export class DirectGuest {
  readonly host: WasiHost;
  readonly memory: WebAssembly.Memory;

  constructor(options: Partial<WasiOptions> = {}, memory: WebAssembly.MemoryDescriptor = { initial: 32 }) {
    this.memory = new WebAssembly.Memory(memory);
    this.host = new WasiHost({
      args: ['guest'],
      env: {},
      stdout: () => {},
      stderr: () => {},
      blocking: { kind: 'sleep' },
      ...options,
    });
    this.host.bind({ exports: { memory: this.memory } } as unknown as WebAssembly.Instance);
  }

  /** The errno of a call. */
  call(name: string, ...args: (number | bigint)[]): number {
    const call = this.host.imports.wasi_snapshot_preview1[name] as (...args: (number | bigint)[]) => number;
    return call(...args);
  }

  must(name: string, ...args: (number | bigint)[]): void {
    const errno = this.call(name, ...args);
    if (errno !== 0) throw new CallFailed(name, errno);
  }

  get view(): DataView {
    return new DataView(this.memory.buffer);
  }

  /** Puts text into memory; two places, for calls with two paths. */
  path(text: string, place: 0 | 1 = 0): [pointer: number, length: number] {
    const bytes = new TextEncoder().encode(text);
    const pointer = 4096 + place * 8192;
    new Uint8Array(this.memory.buffer, pointer).set(bytes);
    return [pointer, bytes.length];
  }

  open(path: string, oflags = 0, options: OpenOptions = {}): number {
    const { flags = 0, follow = true, at = 3 } = options;
    let rights = options.rights ?? FILE_RIGHTS;
    if ((oflags & wasi.OFLAGS_DIRECTORY) !== 0) rights = ALL_RIGHTS & ~FILE_RIGHTS;
    this.must('path_open', at, follow ? 1 : 0, ...this.path(path), oflags, rights, ALL_RIGHTS, flags, 0);
    return this.view.getUint32(0, true);
  }

  close(fd: number): void {
    this.must('fd_close', fd);
  }

  write(fd: number, data: string | Uint8Array, position?: bigint): number {
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
    new Uint8Array(this.memory.buffer, 65536).set(bytes);
    this.view.setUint32(16, 65536, true);
    this.view.setUint32(20, bytes.length, true);
    if (position === undefined) this.must('fd_write', fd, 16, 1, 0);
    else this.must('fd_pwrite', fd, 16, 1, position, 0);
    return this.view.getUint32(0, true);
  }

  read(fd: number, length: number, position?: bigint): Uint8Array {
    this.view.setUint32(16, 65536, true);
    this.view.setUint32(20, length, true);
    if (position === undefined) this.must('fd_read', fd, 16, 1, 0);
    else this.must('fd_pread', fd, 16, 1, position, 0);
    return new Uint8Array(this.memory.buffer, 65536, this.view.getUint32(0, true)).slice();
  }

  text(fd: number, length = 65536): string {
    return new TextDecoder().decode(this.read(fd, length));
  }

  stat(target: string | number, follow = false): Stat {
    if (typeof target === 'number') this.must('fd_filestat_get', target, 32);
    else this.must('path_filestat_get', 3, follow ? 1 : 0, ...this.path(target), 32);
    const { view } = this;
    return {
      ino: view.getBigUint64(40, true),
      filetype: view.getUint8(48),
      nlink: view.getBigUint64(56, true),
      size: view.getBigUint64(64, true),
      mtime: view.getBigUint64(80, true),
    };
  }

  /** Names from a cookie on, `.` and `..` left out, and the cookie after the last one. */
  list(fd: number, cookie = 0n, size = 8192): { names: string[]; cookie: bigint } {
    this.must('fd_readdir', fd, 65536, size, cookie, 0);
    const end = 65536 + this.view.getUint32(0, true);
    const names: string[] = [];
    for (let at = 65536; at + 24 <= end; ) {
      const length = this.view.getUint32(at + 16, true);
      if (at + 24 + length > end) break;
      const name = new TextDecoder().decode(new Uint8Array(this.memory.buffer, at + 24, length));
      cookie = this.view.getBigUint64(at, true);
      if (name !== '.' && name !== '..') names.push(name);
      at += 24 + length;
    }
    return { names, cookie };
  }

  /** Everything in the directory, read to its end. */
  listAll(path: string): string[] {
    const fd = this.open(path, wasi.OFLAGS_DIRECTORY);
    const all: string[] = [];
    for (let cookie = 0n; ; ) {
      const part = this.list(fd, cookie);
      if (part.cookie === cookie) break;
      all.push(...part.names);
      cookie = part.cookie;
    }
    this.close(fd);
    return all;
  }
}
