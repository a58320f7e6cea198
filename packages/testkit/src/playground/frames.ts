// The output of a kubectl that runs in another process: frames of one byte kind, four bytes length, then the bytes.

export const FRAME = { stdout: 1, stderr: 2, code: 3 } as const;

const HEAD = 5;

export function encodeFrame(kind: number, bytes: Uint8Array): Buffer {
  const frame = Buffer.alloc(HEAD + bytes.length);
  frame.writeUInt8(kind, 0);
  frame.writeUInt32BE(bytes.length, 1);
  frame.set(bytes, HEAD);
  return frame;
}

/** The frames in a stream of chunks, however it was cut. Throws if the stream ends within a frame. */
export async function* decodeFrames(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ kind: number; bytes: Buffer }> {
  let rest = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= HEAD && rest.length >= HEAD + rest.readUInt32BE(1)) {
      const end = HEAD + rest.readUInt32BE(1);
      yield { kind: rest.readUInt8(0), bytes: rest.subarray(HEAD, end) };
      rest = rest.subarray(end);
    }
  }
  if (rest.length > 0) throw new Error('the stream ended within a frame');
}
