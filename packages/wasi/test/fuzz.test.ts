// Whatever a program passes to a call, it gets an errno (or ends): the host does not fail and touches nothing outside.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { InputQueue, MemoryTree } from '../src/index.ts';
import { DirectGuest } from './direct-guest.ts';

/** Parameters of the 46 functions: i for i32, l for i64. */
const signatures: Readonly<Record<string, string>> = {
  args_get: 'ii',
  args_sizes_get: 'ii',
  environ_get: 'ii',
  environ_sizes_get: 'ii',
  clock_res_get: 'ii',
  clock_time_get: 'ili',
  fd_advise: 'illi',
  fd_allocate: 'ill',
  fd_close: 'i',
  fd_datasync: 'i',
  fd_fdstat_get: 'ii',
  fd_fdstat_set_flags: 'ii',
  fd_fdstat_set_rights: 'ill',
  fd_filestat_get: 'ii',
  fd_filestat_set_size: 'il',
  fd_filestat_set_times: 'illi',
  fd_pread: 'iiili',
  fd_prestat_get: 'ii',
  fd_prestat_dir_name: 'iii',
  fd_pwrite: 'iiili',
  fd_read: 'iiii',
  fd_readdir: 'iiili',
  fd_renumber: 'ii',
  fd_seek: 'ilii',
  fd_sync: 'i',
  fd_tell: 'ii',
  fd_write: 'iiii',
  path_create_directory: 'iii',
  path_filestat_get: 'iiiii',
  path_filestat_set_times: 'iiiilli',
  path_link: 'iiiiiii',
  path_open: 'iiiiillii',
  path_readlink: 'iiiiii',
  path_remove_directory: 'iii',
  path_rename: 'iiiiii',
  path_symlink: 'iiiii',
  path_unlink_file: 'iii',
  poll_oneoff: 'iiii',
  proc_exit: 'i',
  proc_raise: 'i',
  random_get: 'ii',
  sched_yield: '',
  sock_accept: 'iii',
  sock_recv: 'iiiiii',
  sock_send: 'iiiii',
  sock_shutdown: 'ii',
};

const MEMORY = 32 * 65536;
const i32 = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 8 }) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: MEMORY }) },
  fc.constantFrom(-1, -2, MEMORY - 1, MEMORY, MEMORY - 8, 0x7fffffff, -0x80000000, 0xffff),
  fc.integer({ min: -0x80000000, max: 0x7fffffff }),
);
const i64 = fc.oneof(
  fc.bigInt({ min: 0n, max: 100_000n }),
  fc.constantFrom(-1n, 1n << 53n, (1n << 63n) - 1n, -(1n << 63n), (1n << 30n) - 1n),
  fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
);
const call = fc.constantFrom(...Object.keys(signatures)).chain((name) =>
  fc.record({
    name: fc.constant(name),
    args: fc.tuple(...[...signatures[name]!].map((type): fc.Arbitrary<number | bigint> => (type === 'i' ? i32 : i64))),
  }),
);

test('the host has exactly the 46 functions of preview 1', () => {
  expect(Object.keys(new DirectGuest().host.imports.wasi_snapshot_preview1).sort()).toEqual(
    Object.keys(signatures).sort(),
  );
});

test('random arguments give an errno or end the program', { timeout: 120_000 }, () => {
  fc.assert(
    fc.property(fc.array(call, { minLength: 50, maxLength: 200, size: 'max' }), fc.integer(), (calls, seed) => {
      let now = 0;
      const waits: unknown[] = [];
      const suspender = {
        suspendUntil(ready: Promise<unknown>): never {
          waits.push(ready);
          throw new Error('would wait');
        },
      };
      const tree = new MemoryTree({ sizeLimit: 1 << 20, bundle: [{ path: 'a', file: new Uint8Array(100) }] });
      const guest = new DirectGuest({
        mounts: [{ path: '/', root: tree.root }],
        stdin: new InputQueue(),
        // Time flies, so that no wait is a real one.
        clock: {
          realtime: () => (now += 1e15),
          monotonic: () => (now += 1e15),
          resolution: { realtime: 1, monotonic: 1 },
        },
        blocking: { kind: 'suspend', suspender },
      });
      const bytes = new Uint8Array(guest.memory.buffer);
      // Small numbers everywhere make vectors, paths and subscriptions that sometimes fit.
      let state = seed | 1;
      for (let i = 0; i < 8192; i++) {
        state = (Math.imul(state, 1664525) + 1013904223) | 0;
        bytes[i] = (state >>> 24) & (state & 0x10000 ? 0x07 : 0x61);
      }
      for (const { name, args } of calls) {
        try {
          const errno = guest.call(name, ...args);
          expect(Number.isInteger(errno) && errno >= 0 && errno <= 76, `${name} returned ${errno}`).toBe(true);
        } catch (error) {
          const { message } = error as Error;
          if (message !== 'would wait' && !/^exit with exit code/.test(message)) throw error;
        }
      }
      expect(guest.memory.buffer.byteLength).toBe(MEMORY);
      expect(tree.usage.bytes).toBeLessThanOrEqual(1 << 20);
    }),
    // The same calls in every run; another seed explores others.
    { numRuns: 300, seed: Number(process.env.WIGEON_SEED ?? 7) },
  );
});
