import * as wasi from '../abi.ts';
import { errno } from '../errno.ts';
import type { NodeStat } from '../fs/node.ts';
import type { Waitable } from '../pending.ts';
import { Pending } from '../pending.ts';
import type { InputStream, OutputStream } from '../stream/stream.ts';
import type { Readiness } from './descriptor.ts';
import { Descriptor } from './descriptor.ts';
import { INPUT_RIGHTS, OUTPUT_RIGHTS } from './rights.ts';

/** The status of something that is not in a file system. */
export function streamStat(filetype: number, ino: number): NodeStat {
  return { dev: 0, ino, filetype, nlink: 1, size: 0, atime: 0, mtime: 0, ctime: 0 };
}

/** Takes what is there, or waits: `again` for a descriptor that does not block, else `Pending`. */
export function receive(
  input: InputStream,
  { nonblocking }: Descriptor,
  into: Uint8Array,
  start: number,
  length: number,
): number {
  if (length === 0) return 0;
  const done = input.read(into, start, length);
  if (done > 0 || input.ended) return done;
  if (nonblocking) throw errno(wasi.ERRNO_AGAIN);
  throw new Pending([input]);
}

export function send(
  output: OutputStream,
  { nonblocking }: Descriptor,
  from: Uint8Array,
  start: number,
  length: number,
): number {
  if (output.closed) throw errno(wasi.ERRNO_PIPE);
  if (length === 0) return 0;
  const done = output.write(from, start, length);
  if (done > 0) return done;
  if (nonblocking) throw errno(wasi.ERRNO_AGAIN);
  throw new Pending([output]);
}

export function inputReadiness(input: InputStream): Readiness | Waitable {
  if (input.available > 0) return { bytes: input.available, hangup: false };
  return input.ended ? { bytes: 0, hangup: true } : input;
}

export function outputReadiness(output: OutputStream): Readiness | Waitable {
  if (output.closed) return { bytes: 0, hangup: true };
  return output.room > 0 ? { bytes: output.room, hangup: false } : output;
}

/** stdin. `filetype` is a character device where a terminal is at the other end, else unknown, as wasmtime says. */
export class InputDescriptor extends Descriptor {
  readonly filetype: number;
  readonly input: InputStream;
  /** Bytes read since the program began. */
  moved = 0;

  constructor(input: InputStream, terminal: boolean) {
    super(INPUT_RIGHTS, 0n);
    this.input = input;
    this.filetype = terminal ? wasi.FILETYPE_CHARACTER_DEVICE : wasi.FILETYPE_UNKNOWN;
  }

  stat(): NodeStat {
    return streamStat(this.filetype, 1);
  }

  override read(into: Uint8Array, start: number, length: number): number {
    const done = receive(this.input, this, into, start, length);
    this.moved += done;
    return done;
  }

  override pollRead(): Readiness | Waitable {
    return inputReadiness(this.input);
  }
}

/** stdout or stderr. */
export class OutputDescriptor extends Descriptor {
  readonly filetype: number;
  readonly output: OutputStream;
  /** Bytes written since the program began. */
  moved = 0;
  readonly #ino: number;

  constructor(output: OutputStream, terminal: boolean, ino: number) {
    super(OUTPUT_RIGHTS, 0n);
    this.output = output;
    this.#ino = ino;
    this.filetype = terminal ? wasi.FILETYPE_CHARACTER_DEVICE : wasi.FILETYPE_UNKNOWN;
  }

  stat(): NodeStat {
    return streamStat(this.filetype, this.#ino);
  }

  override write(from: Uint8Array, start: number, length: number): number {
    const done = send(this.output, this, from, start, length);
    this.moved += done;
    return done;
  }

  override sync(): void {
    this.output.flush?.();
  }

  override pollWrite(): Readiness | Waitable {
    return outputReadiness(this.output);
  }
}
