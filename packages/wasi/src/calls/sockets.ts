import * as wasi from '../abi.ts';
import { errno } from '../errno.ts';
import { SOCK_ACCEPT, SOCK_SHUTDOWN } from '../fd/rights.ts';
import { ListenerDescriptor, SocketDescriptor } from '../fd/socket.ts';
import type { Calls, Process } from '../process.ts';

const ALL_RIFLAGS = wasi.RIFLAGS_RECV_PEEK | wasi.RIFLAGS_RECV_WAITALL;

/** Calls on pre-opened stream sockets. On anything else: `badf` if it is not open, `notsock` otherwise. */
export function socketCalls({ table, memory }: Process, calls: Calls): Calls {
  const { fd_read, fd_write } = calls as {
    fd_read: (fd: number, vectors: number, count: number, result: number) => void;
    fd_write: (fd: number, vectors: number, count: number, result: number) => void;
  };
  const socket = (fd: number): SocketDescriptor => {
    const descriptor = table.get(fd);
    if (descriptor instanceof ListenerDescriptor) throw errno(wasi.ERRNO_NOTCONN);
    if (!(descriptor instanceof SocketDescriptor)) throw errno(wasi.ERRNO_NOTSOCK);
    return descriptor;
  };
  return {
    sock_accept(fd: number, flags: number, result: number) {
      const listener = table.get(fd);
      if (listener instanceof SocketDescriptor) throw errno(wasi.ERRNO_INVAL);
      if (!(listener instanceof ListenerDescriptor)) throw errno(wasi.ERRNO_NOTSOCK);
      if ((flags & ~wasi.FDFLAGS_NONBLOCK) !== 0) throw errno(wasi.ERRNO_INVAL);
      listener.require(SOCK_ACCEPT);
      memory.check(result, 4);
      const number = table.reserve();
      table.set(number, new SocketDescriptor(listener.accept(), flags));
      memory.setU32(result, number);
    },
    sock_recv(fd: number, vectors: number, count: number, flags: number, read: number, outFlags: number) {
      const from = socket(fd);
      if ((flags & ~ALL_RIFLAGS) !== 0) throw errno(wasi.ERRNO_INVAL);
      const end = memory.check(outFlags, 2);
      if ((flags & wasi.RIFLAGS_RECV_PEEK) !== 0) {
        const first = memory.check(vectors, (count >>> 0) * 8);
        const start = count === 0 ? 0 : memory.view.getUint32(first, true);
        const length = count === 0 ? 0 : memory.view.getUint32(first + 4, true);
        memory.check(start, length);
        memory.setU32(read, from.peek(memory.u8, start, length));
      } else fd_read(fd, vectors, count, read);
      memory.view.setUint16(end, 0, true);
    },
    sock_send(fd: number, vectors: number, count: number, flags: number, written: number) {
      socket(fd);
      // witx `siflags` has no bits.
      if (flags !== 0) throw errno(wasi.ERRNO_INVAL);
      fd_write(fd, vectors, count, written);
    },
    sock_shutdown(fd: number, how: number) {
      const connected = socket(fd);
      connected.require(SOCK_SHUTDOWN);
      connected.shutdown(how);
    },
  };
}
