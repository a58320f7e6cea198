import { expect, test } from 'vitest';
import { DirectGuest } from '../../test/direct-guest.ts';
import * as wasi from '../abi.ts';
import { type Connection, directOutput, InputQueue } from '../index.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const LISTENER = 5;

/** As a converted container uses them: a listener behind the directories, one connection, frames both ways. */
function withListener(): { guest: DirectGuest; pending: Connection[]; input: InputQueue; sent: () => string } {
  const pending: Connection[] = [];
  const input = new InputQueue();
  let text = '';
  const output = directOutput((piece) => {
    text += new TextDecoder().decode(piece);
  });
  pending.push({ input, output });
  const listener = { accept: () => pending.shift(), ready: () => Promise.resolve() };
  return { guest: new DirectGuest({ sockets: [listener] }), pending, input, sent: () => text };
}

function accept(guest: DirectGuest, flags = 0): number {
  guest.must('sock_accept', LISTENER, flags, 0);
  return guest.view.getUint32(0, true);
}

function receive(guest: DirectGuest, fd: number, length: number, flags = 0): string {
  guest.view.setUint32(16, 65536, true);
  guest.view.setUint32(20, length, true);
  guest.must('sock_recv', fd, 16, 1, flags, 0, 4);
  return new TextDecoder().decode(new Uint8Array(guest.memory.buffer, 65536, guest.view.getUint32(0, true)).slice());
}

test('sockets come behind a free number, so that the search for directories ends before them', () => {
  const { guest } = withListener();
  expect(guest.call('fd_prestat_get', 3, 0)).toBe(wasi.ERRNO_SUCCESS);
  expect(guest.call('fd_prestat_get', 4, 0)).toBe(wasi.ERRNO_BADF);
  guest.must('fd_fdstat_get', LISTENER, 0);
  expect(guest.view.getUint8(0)).toBe(wasi.FILETYPE_SOCKET_STREAM);
});

test('a connection is accepted, read, looked at, written and shut down', () => {
  const { guest, input, sent } = withListener();
  const fd = accept(guest, wasi.FDFLAGS_NONBLOCK);
  expect(fd).toBe(4);
  expect(() => receive(guest, fd, 10)).toThrow(`errno ${wasi.ERRNO_AGAIN}`);
  input.push(bytes('hello world'));
  expect(receive(guest, fd, 5, wasi.RIFLAGS_RECV_PEEK)).toBe('hello');
  expect(receive(guest, fd, 5)).toBe('hello');
  expect(new TextDecoder().decode(guest.read(fd, 100))).toBe(' world');
  guest.write(fd, 'by write, ');
  guest.view.setUint32(16, 65536, true);
  new Uint8Array(guest.memory.buffer).set(bytes('by send'), 65536);
  guest.view.setUint32(20, 7, true);
  guest.must('sock_send', fd, 16, 1, 0, 0);
  expect(sent()).toBe('by write, by send');
  guest.must('sock_shutdown', fd, wasi.SDFLAGS_WR);
  expect(() => guest.write(fd, 'x')).toThrow(`errno ${wasi.ERRNO_PIPE}`);
  input.end();
  expect(receive(guest, fd, 10)).toBe('');
  guest.close(fd);
});

test('without a connection a non-blocking listener says again, and poll tells when there is one', () => {
  const { guest, pending } = withListener();
  const [connection] = pending.splice(0);
  guest.must('fd_fdstat_set_flags', LISTENER, wasi.FDFLAGS_NONBLOCK);
  expect(guest.call('sock_accept', LISTENER, 0, 0)).toBe(wasi.ERRNO_AGAIN);
  const poll = (): number[] => {
    const { view } = guest;
    view.setUint8(108, wasi.EVENTTYPE_FD_READ);
    view.setUint32(116, LISTENER, true);
    view.setUint8(156, wasi.EVENTTYPE_CLOCK);
    view.setBigUint64(172, 0n, true);
    guest.must('poll_oneoff', 100, 400, 2, 0);
    return Array.from({ length: view.getUint32(0, true) }, (_, i) => view.getUint8(410 + i * 32));
  };
  expect(poll()).toEqual([wasi.EVENTTYPE_CLOCK]);
  pending.push(connection!);
  expect(poll()).toEqual([wasi.EVENTTYPE_FD_READ, wasi.EVENTTYPE_CLOCK]);
  accept(guest);
});

test('what is no socket says so', () => {
  const { guest } = withListener();
  for (const [fd, errno] of [
    [1, wasi.ERRNO_NOTSOCK],
    [3, wasi.ERRNO_NOTSOCK],
    [99, wasi.ERRNO_BADF],
  ] as const) {
    expect(guest.call('sock_recv', fd, 16, 0, 0, 0, 4)).toBe(errno);
    expect(guest.call('sock_send', fd, 16, 0, 0, 0)).toBe(errno);
    expect(guest.call('sock_shutdown', fd, 1)).toBe(errno);
    expect(guest.call('sock_accept', fd, 0, 0)).toBe(errno);
  }
  expect(guest.call('sock_recv', LISTENER, 16, 0, 0, 0, 4)).toBe(wasi.ERRNO_NOTCONN);
});
