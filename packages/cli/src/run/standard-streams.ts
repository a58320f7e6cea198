import { fstatSync, readSync, writeSync } from 'node:fs';
import type { InputStream } from '@wigeon/wasi';

/** How long to sleep when a non-blocking stdin has nothing, in milliseconds. */
const RETRY_MS = 10;
const bell = new Int32Array(new SharedArrayBuffer(4));

/**
 * This process's stdin, read when the program reads. There is always something to read as far as a poll can tell, since
 * Node cannot look without taking; a read then waits.
 */
export function processInput(): InputStream {
  let ended = false;
  return {
    get ended() {
      return ended;
    },
    get available() {
      return ended ? 0 : 1;
    },
    read(into, start, length) {
      if (ended || length === 0) return 0;
      const count = readBlocking(into, start, length);
      ended = count === 0;
      return count;
    },
    ready: () => Promise.resolve(),
  };
}

function readBlocking(into: Uint8Array, start: number, length: number): number {
  for (;;) {
    try {
      return readSync(0, into, start, length, null);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EOF') return 0;
      if (code !== 'EAGAIN') throw error;
      // A terminal may be non-blocking: it belongs to other processes too.
      Atomics.wait(bell, 0, 0, RETRY_MS);
    }
  }
}

/** Writes all of it to a descriptor of this process. */
export function processOutput(fd: 1 | 2): (bytes: Uint8Array) => void {
  return (bytes) => {
    for (let from = 0; from < bytes.length; ) {
      try {
        from += writeSync(fd, bytes, from);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'EAGAIN') Atomics.wait(bell, 0, 0, 1);
        // The reader has gone (`wigeon run … | head`): end as a shell program would, by SIGPIPE.
        else if (code === 'EPIPE') process.exit(141);
        else throw error;
      }
    }
  };
}

/** Whether the program's standard streams are a terminal. */
export function isTerminal(): boolean {
  try {
    return fstatSync(0).isCharacterDevice() && Boolean(process.stdout.isTTY);
  } catch {
    return false;
  }
}
