// Binary frames, for bulk. Layout of an output frame (big-endian):
//   0  u8   kind (1 = output)          20  u32  epoch
//   1  u8   stream (1 stdout, 2 stderr) 24  u64  offset of the first byte in that stream
//   2  u16  zero                        32  …    the bytes
//   4  16 bytes  assignment (UUID)
import { ProtocolError } from './error.ts';
import { limits } from './limits.ts';

export type OutputStream = 'stdout' | 'stderr';

/** A range of one container's output: `bytes` stand at `offset` (in bytes, from 0) of `stream`. */
export interface OutputFrame {
  readonly assignment: string;
  readonly epoch: number;
  readonly stream: OutputStream;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

const OUTPUT = 1;
const HEADER_BYTES = 32;
const STREAMS: readonly OutputStream[] = ['stdout', 'stderr'];

/** @throws RangeError when `bytes` is longer than `limits.outputBytes`: cut it first */
export function encodeOutputFrame(frame: OutputFrame): Uint8Array<ArrayBuffer> {
  if (frame.bytes.length > limits.outputBytes) {
    throw new RangeError(`output frame of ${frame.bytes.length} bytes; the limit is ${limits.outputBytes}`);
  }
  const encoded = new Uint8Array(HEADER_BYTES + frame.bytes.length);
  const view = new DataView(encoded.buffer);
  view.setUint8(0, OUTPUT);
  view.setUint8(1, STREAMS.indexOf(frame.stream) + 1);
  const hex = frame.assignment.replaceAll('-', '');
  for (let i = 0; i < 16; i++) view.setUint8(4 + i, Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
  view.setUint32(20, frame.epoch);
  view.setBigUint64(24, BigInt(frame.offset));
  encoded.set(frame.bytes, HEADER_BYTES);
  return encoded;
}

/** @throws ProtocolError `malformed`, `too-large` or `out-of-protocol` (unknown kind or stream) */
export function decodeOutputFrame(data: Uint8Array): OutputFrame {
  if (data.length < HEADER_BYTES) {
    throw new ProtocolError(
      'malformed',
      `binary frame of ${data.length} bytes is shorter than its header (${HEADER_BYTES})`,
    );
  }
  if (data.length > HEADER_BYTES + limits.outputBytes) {
    throw new ProtocolError(
      'too-large',
      `binary frame of ${data.length} bytes; the limit is ${HEADER_BYTES + limits.outputBytes}`,
    );
  }
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (view.getUint8(0) !== OUTPUT)
    throw new ProtocolError('out-of-protocol', `unknown binary frame kind ${view.getUint8(0)}`);
  const stream = STREAMS[view.getUint8(1) - 1];
  if (!stream) throw new ProtocolError('out-of-protocol', `unknown output stream ${view.getUint8(1)}`);
  const epoch = view.getUint32(20);
  const offset = view.getBigUint64(24);
  if (epoch === 0) throw new ProtocolError('out-of-protocol', 'output frame with epoch 0');
  if (offset > BigInt(Number.MAX_SAFE_INTEGER))
    throw new ProtocolError('out-of-protocol', `output offset ${offset} is out of range`);
  let hex = '';
  for (let i = 4; i < 20; i++) hex += view.getUint8(i).toString(16).padStart(2, '0');
  const assignment = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return { assignment, epoch, stream, offset: Number(offset), bytes: data.subarray(HEADER_BYTES) };
}
