// The tree in memory against a real directory: the same random calls have the same outcomes and leave the same files.
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as wasi from '../src/abi.ts';
import { MemoryTree } from '../src/index.ts';
import { hostDirectory } from '../src/node/index.ts';
import { CallFailed, DirectGuest } from './direct-guest.ts';

const name = fc.constantFrom('a', 'b', 'c');
const parent = fc.oneof({ weight: 10, arbitrary: name }, { weight: 1, arbitrary: fc.constantFrom('.', '..') });
const path = fc
  .tuple(
    fc.oneof(fc.constant([]), fc.array(parent, { minLength: 1, maxLength: 1 }), fc.array(parent, { maxLength: 2 })),
    name,
    fc.oneof({ weight: 12, arbitrary: fc.constant('') }, fc.constant('/')),
  )
  .map(([parents, last, slash]) => `${[...parents, last].join('/')}${slash}`);
/** Most programs create; few ask for a directory or nothing at all. */
const oflags = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(0, wasi.OFLAGS_CREAT, wasi.OFLAGS_CREAT | wasi.OFLAGS_TRUNC) },
  fc.integer({ min: 0, max: 15 }),
);
const slot = fc.integer({ min: 0, max: 1 });
const whence = fc.integer({ min: 0, max: 2 });
const size = fc.integer({ min: 0, max: 140_000 });

const operation = fc.oneof(
  fc.record({ do: fc.constant('mkdir' as const), path }),
  fc.record({ do: fc.constant('rmdir' as const), path }),
  fc.record({ do: fc.constant('unlink' as const), path }),
  fc.record({ do: fc.constant('symlink' as const), path, target: path }),
  fc.record({ do: fc.constant('link' as const), path, to: path }),
  fc.record({ do: fc.constant('rename' as const), path, to: path }),
  fc.record({ do: fc.constant('stat' as const), path, follow: fc.boolean() }),
  fc.record({ do: fc.constant('readlink' as const), path }),
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('open' as const),
      path,
      slot,
      oflags,
      append: fc.boolean(),
      follow: fc.boolean(),
    }),
  },
  fc.record({ do: fc.constant('write' as const), slot, byte: fc.integer({ min: 1, max: 255 }), size }),
  fc.record({ do: fc.constant('pwrite' as const), slot, size, at: size }),
  fc.record({ do: fc.constant('read' as const), slot, size }),
  fc.record({ do: fc.constant('seek' as const), slot, at: fc.integer({ min: -1000, max: 200_000 }), whence }),
  fc.record({ do: fc.constant('truncate' as const), slot, size }),
  fc.record({ do: fc.constant('fstat' as const), slot }),
  fc.record({ do: fc.constant('close' as const), slot }),
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

/** What the program sees of a step: a result, or the errno. */
function perform(guest: DirectGuest, slots: (number | undefined)[], step: Operation): unknown {
  const open = (): number => slots[(step as { slot: number }).slot] ?? 99;
  try {
    switch (step.do) {
      case 'mkdir':
        return guest.call('path_create_directory', 3, ...guest.path(step.path));
      case 'rmdir':
        return guest.call('path_remove_directory', 3, ...guest.path(step.path));
      case 'unlink':
        return guest.call('path_unlink_file', 3, ...guest.path(step.path));
      case 'symlink':
        return guest.call('path_symlink', ...guest.path(step.target, 1), 3, ...guest.path(step.path));
      case 'link':
        return guest.call('path_link', 3, 0, ...guest.path(step.path), 3, ...guest.path(step.to, 1));
      case 'rename':
        return guest.call('path_rename', 3, ...guest.path(step.path), 3, ...guest.path(step.to, 1));
      case 'stat':
      case 'fstat': {
        const {
          filetype,
          nlink,
          size: bytes,
        } = guest.stat(step.do === 'stat' ? step.path : open(), step.do === 'stat' && step.follow);
        // Links and sizes of directories are a file system's own business.
        return filetype === wasi.FILETYPE_DIRECTORY ? filetype : [filetype, nlink, bytes];
      }
      case 'readlink': {
        guest.must('path_readlink', 3, ...guest.path(step.path), 65536, 100, 0);
        return new TextDecoder().decode(new Uint8Array(guest.memory.buffer, 65536, guest.view.getUint32(0, true)));
      }
      case 'open': {
        const old = slots[step.slot];
        slots[step.slot] = undefined;
        if (old !== undefined) guest.close(old);
        const flags = step.append ? wasi.FDFLAGS_APPEND : 0;
        return (slots[step.slot] = guest.open(step.path, step.oflags, { flags, follow: step.follow }));
      }
      case 'write':
        return guest.write(open(), new Uint8Array(step.size).fill(step.byte));
      case 'pwrite':
        return guest.write(open(), new Uint8Array(step.size).fill(7), BigInt(step.at));
      case 'read':
        return Buffer.from(guest.read(open(), step.size)).toString('base64');
      case 'seek':
        guest.must('fd_seek', open(), BigInt(step.at), step.whence, 0);
        return guest.view.getBigUint64(0, true);
      case 'truncate':
        return guest.call('fd_filestat_set_size', open(), BigInt(step.size));
      case 'close': {
        const errno = guest.call('fd_close', open());
        slots[step.slot] = undefined;
        return errno;
      }
    }
  } catch (error) {
    if (error instanceof CallFailed) return `errno ${error.errno}`;
    throw error;
  }
}

function realContents(directory: string): Record<string, unknown> {
  const contents: Record<string, unknown> = {};
  const walk = (path: string): void => {
    for (const entry of readdirSync(join(directory, path))) {
      const inner = path === '' ? entry : `${path}/${entry}`;
      const full = join(directory, inner);
      const stat = lstatSync(full);
      if (stat.isSymbolicLink()) contents[inner] = `-> ${readlinkSync(full)}`;
      else contents[inner] = stat.isDirectory() ? 'directory' : readFileSync(full).toString('base64');
      if (stat.isDirectory()) walk(inner);
    }
  };
  walk('');
  return contents;
}

function memoryContents(tree: MemoryTree): Record<string, unknown> {
  const contents: Record<string, unknown> = {};
  const walk = (path: string): void => {
    const node = tree.find(path);
    if (node?.kind === 'symlink') contents[path] = `-> ${node.target}`;
    else if (node?.kind === 'file') {
      const bytes = new Uint8Array(node.size());
      node.read(0, bytes, 0, bytes.length);
      contents[path] = Buffer.from(bytes).toString('base64');
    } else if (node) {
      if (path !== '') contents[path] = 'directory';
      for (const [entry] of node.entries()) walk(path === '' ? entry : `${path}/${entry}`);
    }
  };
  walk('');
  return contents;
}

test('random calls on the tree in memory and on a real directory have the same outcomes', () => {
  fc.assert(
    fc.property(fc.array(operation, { minLength: 60, maxLength: 150 }), (steps) => {
      const directory = mkdtempSync(join(tmpdir(), 'wasi-model-'));
      try {
        const tree = new MemoryTree();
        const memory = new DirectGuest({ mounts: [{ path: '/', root: tree.root }] });
        const real = new DirectGuest({ mounts: [{ path: '/', root: hostDirectory(directory) }] });
        const slots = { memory: [] as (number | undefined)[], real: [] as (number | undefined)[] };
        for (const guest of [memory, real]) {
          for (const made of ['a', 'b', 'a/b', 'a/b/c']) guest.must('path_create_directory', 3, ...guest.path(made));
        }
        for (const step of steps) {
          const expected = perform(real, slots.real, step);
          expect([step, perform(memory, slots.memory, step)]).toEqual([step, expected]);
        }
        expect(memoryContents(tree)).toEqual(realContents(directory));
        for (const fd of slots.real) if (fd !== undefined) real.close(fd);
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    }),
    // The same sequences in every run; another seed explores others.
    { numRuns: 150, seed: Number(process.env.WIGEON_SEED ?? 5) },
  );
});
