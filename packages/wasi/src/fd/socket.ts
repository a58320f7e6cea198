import * as wasi from '../abi.ts';
import { errno } from '../errno.ts';
import type { NodeStat } from '../fs/node.ts';
import type { Waitable } from '../pending.ts';
import { Pending } from '../pending.ts';
import type { InputStream, OutputStream } from '../stream/stream.ts';
import type { Readiness } from './descriptor.ts';
import { Descriptor } from './descriptor.ts';
import { LISTENER_RIGHTS, SOCKET_RIGHTS } from './rights.ts';
import { inputReadiness, outputReadiness, receive, send, streamStat } from './stream.ts';

/** A connected stream socket. */
export interface Connection {
  readonly input: InputStream;
  readonly output: OutputStream;
}

/** A listening stream socket. */
export interface Listener extends Waitable {
  /** The next connection, if there is one. */
  accept(): Connection | undefined;
}

export class SocketDescriptor extends Descriptor {
  readonly filetype: number = wasi.FILETYPE_SOCKET_STREAM;
  readonly connection: Connection;
  #readShut = false;
  #writeShut = false;

  constructor(connection: Connection, flags = 0) {
    super(SOCKET_RIGHTS, 0n, flags);
    this.connection = connection;
  }

  stat(): NodeStat {
    return streamStat(this.filetype, 0);
  }

  override read(into: Uint8Array, start: number, length: number): number {
    return this.#readShut ? 0 : receive(this.connection.input, this, into, start, length);
  }

  /** Looks without taking; 0 is the end. */
  peek(into: Uint8Array, start: number, length: number): number {
    const { input } = this.connection;
    if (!input.peek) throw errno(wasi.ERRNO_NOTSUP);
    if (this.#readShut) return 0;
    const done = input.peek(into, start, length);
    if (done > 0 || input.ended || length === 0) return done;
    if (this.nonblocking) throw errno(wasi.ERRNO_AGAIN);
    throw new Pending([input]);
  }

  override write(from: Uint8Array, start: number, length: number): number {
    if (this.#writeShut) throw errno(wasi.ERRNO_PIPE);
    return send(this.connection.output, this, from, start, length);
  }

  shutdown(how: number): void {
    if (how === 0 || (how & ~(wasi.SDFLAGS_RD | wasi.SDFLAGS_WR)) !== 0) throw errno(wasi.ERRNO_INVAL);
    if ((how & wasi.SDFLAGS_RD) !== 0 && !this.#readShut) {
      this.#readShut = true;
      this.connection.input.stop?.();
    }
    if ((how & wasi.SDFLAGS_WR) !== 0 && !this.#writeShut) {
      this.#writeShut = true;
      this.connection.output.flush?.();
      this.connection.output.end?.();
    }
  }

  override close(): void {
    this.shutdown(wasi.SDFLAGS_RD | wasi.SDFLAGS_WR);
  }

  override pollRead(): Readiness | Waitable {
    return this.#readShut ? { bytes: 0, hangup: true } : inputReadiness(this.connection.input);
  }

  override pollWrite(): Readiness | Waitable {
    return this.#writeShut ? { bytes: 0, hangup: true } : outputReadiness(this.connection.output);
  }
}

export class ListenerDescriptor extends Descriptor {
  readonly filetype: number = wasi.FILETYPE_SOCKET_STREAM;
  readonly #listener: Listener;
  #next: Connection | undefined;

  constructor(listener: Listener) {
    super(LISTENER_RIGHTS, 0n);
    this.#listener = listener;
  }

  stat(): NodeStat {
    return streamStat(this.filetype, 0);
  }

  override read(): number {
    throw errno(wasi.ERRNO_NOTCONN);
  }

  override write(): number {
    throw errno(wasi.ERRNO_NOTCONN);
  }

  accept(): Connection {
    const connection = this.#peek();
    this.#next = undefined;
    if (connection) return connection;
    if (this.nonblocking) throw errno(wasi.ERRNO_AGAIN);
    throw new Pending([this.#listener]);
  }

  override pollRead(): Readiness | Waitable {
    return this.#peek() ? { bytes: 1, hangup: false } : this.#listener;
  }

  #peek(): Connection | undefined {
    this.#next ??= this.#listener.accept();
    return this.#next;
  }
}
