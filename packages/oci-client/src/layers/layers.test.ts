import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../test/fake-registry.ts';
import { compressed, type TarItem, tarOf } from '../../test/images.ts';
import { unpackLayer } from '../node/unpack-layer.ts';
import { FileTree } from './file-tree.ts';
import type { LayerEntry } from './layer-entry.ts';
import { LayerBudget, type LayerLimits } from './limits.ts';

interface Unpacked {
  readonly entries: readonly LayerEntry[];
  readonly contents: ReadonlyMap<string, string>;
}

async function unpack(
  blob: Uint8Array,
  options: { limits?: Partial<LayerLimits>; diffId?: string; budget?: LayerBudget } = {},
): Promise<Unpacked> {
  const contents = new Map<string, string>();
  let current: Uint8Array[] = [];
  let received = 0;
  async function* source(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < blob.length; at += 10_000) {
      const piece = blob.subarray(at, at + 10_000);
      received += piece.length;
      yield piece;
    }
  }
  const entries = await unpackLayer(source(), {
    budget: options.budget ?? new LayerBudget(options.limits),
    diffId: options.diffId,
    received: () => received,
    sink: {
      write: (chunk) => void current.push(Uint8Array.from(chunk)),
      end: ({ digest }) => {
        contents.set(digest, Buffer.concat(current).toString());
        current = [];
      },
    },
  });
  return { entries, contents };
}

/** What the layers become: path to content, link target, or '/' for a directory. */
async function flattened(...layers: readonly (readonly TarItem[])[]): Promise<Record<string, string>> {
  const unpacked = await Promise.all(layers.map(async (items) => unpack(await tarOf(items))));
  const contents = new Map(unpacked.flatMap(({ contents }) => [...contents]));
  const tree = FileTree.fromLayers(unpacked.map(({ entries }) => entries));
  return Object.fromEntries(
    tree
      .entries()
      .map((entry) => [
        entry.path,
        entry.type === 'file' ? contents.get(entry.digest)! : entry.type === 'symlink' ? `-> ${entry.target}` : '/',
      ]),
  );
}

const file = (name: string, content: string = name): TarItem => ({ name, content });
const dir = (name: string): TarItem => ({ name: `${name}/`, type: 'directory' });
const symlink = (name: string, linkname: string): TarItem => ({ name, type: 'symlink', linkname });
const link = (name: string, linkname: string): TarItem => ({ name, type: 'link', linkname });

describe('layers become one tree', () => {
  const cases: [string, TarItem[][], Record<string, string>][] = [
    [
      'names are relative to the root however written',
      [[file('./a'), file('/b'), file('c/./d//e')]],
      { a: './a', b: '/b', c: '/', 'c/d': '/', 'c/d/e': 'c/./d//e' },
    ],
    ['a whiteout hides a file of a lower layer', [[file('a'), file('b')], [file('.wh.a')]], { b: 'b' }],
    ['a whiteout hides a whole directory', [[dir('d'), file('d/x')], [file('.wh.d')]], {}],
    ['a whiteout does not hide its own layer', [[file('a', 'old')], [file('a', 'new'), file('.wh.a')]], { a: 'new' }],
    [
      'an opaque directory hides what is below it, wherever it stands in the archive',
      [[file('d/old')], [file('d/new'), file('d/.wh..wh..opq')]],
      { d: '/', 'd/new': 'd/new' },
    ],
    [
      'a directory over a directory keeps the children',
      [[file('d/a')], [dir('d'), file('d/b')]],
      { d: '/', 'd/a': 'd/a', 'd/b': 'd/b' },
    ],
    ['a file replaces a directory', [[file('d/a')], [file('d')]], { d: 'd' }],
    ['a directory replaces a file', [[file('d')], [file('d/a')]], { d: '/', 'd/a': 'd/a' }],
    ['a later entry of one layer replaces an earlier one', [[file('a', '1'), file('a', '2')]], { a: '2' }],
    ['a hard link to a file of a lower layer', [[file('a', 'x')], [link('b', 'a')]], { a: 'x', b: 'x' }],
    [
      'a hard link keeps what its name is replaced by later',
      [[file('a', 'x'), link('b', 'a')], [file('a', 'y')]],
      { a: 'y', b: 'x' },
    ],
    [
      'entries below a symbolic link go where it leads',
      [[dir('usr/lib'), symlink('lib', 'usr/lib')], [file('lib/x')]],
      { lib: '-> usr/lib', usr: '/', 'usr/lib': '/', 'usr/lib/x': 'lib/x' },
    ],
    [
      'a symbolic link that points above the root ends at the root',
      [[symlink('up', '../../..'), file('up/x')]],
      { up: '-> ../../..', x: 'up/x' },
    ],
    [
      'an absolute symbolic link begins at the root',
      [[dir('t'), symlink('d/abs', '/t'), file('d/abs/x')]],
      { d: '/', 'd/abs': '-> /t', t: '/', 't/x': 'd/abs/x' },
    ],
    [
      'devices and pipes are left out',
      [[{ name: 'dev', type: 'character-device' }, { name: 'pipe', type: 'fifo' }, file('a')]],
      { a: 'a' },
    ],
    [
      'the table of contents of eStargz is left out',
      [[file('stargz.index.json'), file('.prefetch.landmark'), file('a')]],
      { a: 'a' },
    ],
    [
      'names beyond the old header come from PAX',
      [[file(`${'d'.repeat(150)}/${'f'.repeat(150)}`, 'x'), file('ü/ß', 'y')]],
      { ['d'.repeat(150)]: '/', [`${'d'.repeat(150)}/${'f'.repeat(150)}`]: 'x', ü: '/', 'ü/ß': 'y' },
    ],
    ['an empty layer is nothing', [[], [file('a')]], { a: 'a' }],
  ];
  test.each(cases)('%s', async (_, layers, expected) => {
    expect(await flattened(...layers)).toEqual(expected);
  });

  test.each([
    ['.. in a name', [file('a/../../etc/passwd')], 'layer_path'],
    ['.. in a hard link', [link('a', '../etc/passwd')], 'layer_path'],
    ['a whiteout of nothing', [file('d/.wh.')], 'layer_path'],
    ['a name that no file system takes', [file('n'.repeat(300))], 'layer_path'],
    ['a hard link to nothing', [link('a', 'missing')], 'layer_corrupt'],
    ['symbolic links in a circle', [symlink('a', 'b'), symlink('b', 'a'), file('a/x')], 'layer_path'],
  ])('%s is refused', async (_, items, code) => {
    await expect(flattened(items)).rejects.toThrow(expect.objectContaining({ code }));
  });

  test('ten thousand entries are no trouble, and one more than allowed is refused', async () => {
    const items = Array.from({ length: 10_000 }, (_, at) => file(`d${at % 100}/f${at}`, 'x'));
    const blob = gzipSync(await tarOf(items));
    expect((await unpack(blob)).entries).toHaveLength(10_000);
    await expect(unpack(blob, { limits: { entries: 9_999 } })).rejects.toThrow(
      expect.objectContaining({ code: 'layer_limit', message: expect.stringContaining('9999') }),
    );
  });

  test('what entries() gives makes the same tree', async () => {
    const { entries } = await unpack(await tarOf([file('a/b'), symlink('c', 'a/b')]));
    const tree = FileTree.fromLayers([entries]);
    expect(FileTree.fromEntries(tree.entries()).entries()).toEqual(tree.entries());
    expect(tree.file('c')?.path).toBe('a/b');
    expect(tree.file('a')).toBeUndefined();
    expect(tree.file('a/b/c')).toBeUndefined();
  });
});

describe('compression', () => {
  test.each(['none', 'gzip', 'zstd'] as const)('%s is told by the first bytes', async (compression) => {
    const tar = await tarOf([file('a', 'x'.repeat(100_000))]);
    const { contents } = await unpack(compressed(tar, compression), { diffId: digestOf(tar) });
    expect([...contents.values()]).toEqual(['x'.repeat(100_000)]);
  });

  test.each([
    ['gzip members (eStargz, pigz)', (part: Uint8Array) => gzipSync(part)],
    ['zstd frames (zstd:chunked, pzstd)', (part: Uint8Array) => zstdCompressSync(part)],
  ])('a layer of many %s is read to its end', async (_, compress) => {
    const tar = await tarOf([file('a', 'x'.repeat(5000)), file('b', 'y'.repeat(5000))]);
    const parts = Array.from({ length: Math.ceil(tar.length / 700) }, (_, at) =>
      compress(tar.subarray(at * 700, at * 700 + 700)),
    );
    const { contents } = await unpack(Buffer.concat(parts), { diffId: digestOf(tar) });
    expect([...contents.values()]).toEqual(['x'.repeat(5000), 'y'.repeat(5000)]);
  });

  test('a diff_id of sha512 is checked as well, and a wrong one is an error', async () => {
    const tar = await tarOf([file('a')]);
    await unpack(gzipSync(tar), { diffId: digestOf(tar, 'sha512') });
    await expect(unpack(gzipSync(tar), { diffId: digestOf(Buffer.from('other')) })).rejects.toThrow(
      expect.objectContaining({ code: 'diff_id_mismatch' }),
    );
  });

  test('an archive without its last padding and end mark is read, as umoci writes them', async () => {
    const tar = await tarOf([file('a', 'x'.repeat(1000)), file('b', 'y')]);
    const end = tar.lastIndexOf('y') + 1;
    for (const cut of [end, end + 1, end + 511, end + 600]) {
      expect([
        ...(await unpack(tar.subarray(0, cut), { diffId: digestOf(tar.subarray(0, cut)) })).contents.values(),
      ]).toEqual(['x'.repeat(1000), 'y']);
    }
  });

  test('an archive cut anywhere in a file is an error', async () => {
    const tar = await tarOf([file('a', 'x'.repeat(1000))]);
    for (const cut of [511, 513, 1000, 1024, 1500, 1511]) {
      await expect(unpack(tar.subarray(0, cut)), `${cut}`).rejects.toThrow(
        expect.objectContaining({ code: 'layer_corrupt' }),
      );
    }
  });

  test('an archive cut short is an error, compressed or not', async () => {
    const tar = await tarOf([file('a', 'x'.repeat(10_000))]);
    for (const blob of [tar.subarray(0, 5000), gzipSync(tar).subarray(0, -20), zstdCompressSync(tar).subarray(0, -5)]) {
      await expect(unpack(blob)).rejects.toThrow(expect.objectContaining({ code: 'layer_corrupt' }));
    }
  });

  test.each(['gzip', 'zstd'] as const)(
    'a %s bomb is stopped by its ratio long before it is unpacked',
    async (compression) => {
      const tar = await tarOf([file('zeros', '\0'.repeat(64 * 1024 * 1024))]);
      await expect(unpack(compressed(tar, compression), { limits: { ratioFrom: 1024 * 1024 } })).rejects.toThrow(
        expect.objectContaining({ code: 'layer_limit', message: expect.stringContaining('200 times') }),
      );
    },
  );

  test('the bytes of all layers together are limited', async () => {
    const budget = new LayerBudget({ bytes: 30_000 });
    const tar = await tarOf([file('a', 'x'.repeat(20_000))]);
    await unpack(tar, { budget });
    await expect(unpack(tar, { budget })).rejects.toThrow(expect.objectContaining({ code: 'layer_limit' }));
  });
});
