import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { noiseOf } from '../../test/images.ts';
import { decompress } from '../node/decompress.ts';
import { ZstdFrameCutter } from './zstd-frames.ts';

const skippable = (bytes: number, kind = 0) => {
  const frame = Buffer.alloc(8 + bytes, 7);
  frame.writeUInt32LE(0x184d2a50 + kind, 0);
  frame.writeUInt32LE(bytes, 4);
  return frame;
};
const parts = [
  Buffer.from('first, '),
  noiseOf(300_000),
  Buffer.alloc(500_000, 'x'),
  Buffer.alloc(0),
  Buffer.from('last'),
];
const stream = Buffer.concat([
  skippable(5),
  ...parts.flatMap((part) => [zstdCompressSync(part), skippable(0, 15), skippable(100, 3)]),
]);

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test.each([1, 2, 3, 7, 64, 65_536, stream.length])(
  'frames in chunks of %i bytes are all decompressed',
  async (size) => {
    async function* chunks(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < stream.length; at += size) yield stream.subarray(at, at + size);
    }
    expect((await collect(decompress(chunks()))).equals(Buffer.concat(parts))).toBe(true);
  },
  120_000,
);

test('each frame is whole between the cuts', () => {
  const cutter = new ZstdFrameCutter();
  const frames: Buffer[] = [];
  let current: Uint8Array[] = [];
  for (const piece of cutter.cut(stream)) {
    if (piece.length === 4 && piece[0] === 0x28 && current.length > 0) {
      frames.push(Buffer.concat(current));
      current = [];
    }
    current.push(piece);
  }
  frames.push(Buffer.concat(current));
  cutter.finish();
  expect(frames.map((frame) => zstdDecompressSync(frame).length)).toEqual(parts.map((part) => part.length));
});

test.each([
  ['cut inside a frame', stream.subarray(0, 40), 'middle of a frame'],
  ['cut inside a magic number', Buffer.concat([stream, Buffer.of(0x28)]), 'middle of a frame'],
  ['followed by something else', Buffer.concat([zstdCompressSync(Buffer.from('x')), Buffer.from('junk')]), 'not zstd'],
])('input %s is an error', async (_, bytes, message) => {
  async function* once(): AsyncGenerator<Uint8Array> {
    yield bytes;
  }
  await expect(collect(decompress(once()))).rejects.toThrow(
    expect.objectContaining({ code: 'layer_corrupt', message: expect.stringContaining(message) }),
  );
});
