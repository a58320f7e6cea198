import { expect, test } from 'vitest';
import { decodeFrames, encodeFrame } from './frames.ts';

async function* cut(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

test('frames come out as they went in, however the stream is cut', async () => {
  const frames = [
    { kind: 1, bytes: Buffer.from([0, 255, 10]) },
    { kind: 2, bytes: Buffer.alloc(0) },
    { kind: 3, bytes: Buffer.alloc(5_000, 7) },
  ];
  const stream = Buffer.concat(frames.map(({ kind, bytes }) => encodeFrame(kind, bytes)));
  for (const size of [1, 4, 4096, stream.length]) expect(await framesOf(cut(stream, size))).toEqual(frames);
});

test('a stream that ends within a frame is an error', async () => {
  const stream = encodeFrame(1, Buffer.from('cut here')).subarray(0, 9);
  await expect(framesOf(cut(stream, 4))).rejects.toThrow('within a frame');
});

async function framesOf(stream: AsyncIterable<Uint8Array>): Promise<{ kind: number; bytes: Buffer }[]> {
  const frames: { kind: number; bytes: Buffer }[] = [];
  for await (const frame of decodeFrames(stream)) frames.push(frame);
  return frames;
}
