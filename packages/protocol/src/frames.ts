// Binary frames, for bulk. Layout of a frame (big-endian):
//   0  u8   kind (1 output, 2 checkpoint)
//   1  u8   stream of output (1 stdout, 2 stderr); 0 for a checkpoint
//   2  u16  zero
//   4  16 bytes  assignment (UUID)
//  20  u32  epoch
//  24  u64  output: offset of the first byte in that stream; checkpoint: its sequence number
//  32  …    the bytes
import { ProtocolError } from './error.ts';
import { limits } from './limits.ts';

export type OutputStream = 'stdout' | 'stderr';

interface FrameReference {
  readonly assignment: string;
  readonly epoch: number;
  readonly bytes: Uint8Array;
}

/** A range of one container's output: `bytes` stand at `offset` (in bytes, from 0) of `stream`. */
export interface OutputFrame extends FrameReference {
  readonly kind: 'output';
  readonly stream: OutputStream;
  readonly offset: number;
}

/** The next bytes of a checkpoint; the `checkpoint` message of the same sequence says that they are complete. */
export interface CheckpointFrame extends FrameReference {
  readonly kind: 'checkpoint';
  readonly sequence: number;
}

export type Frame = OutputFrame | CheckpointFrame;

const KINDS = { output: 1, checkpoint: 2 } as const;
const HEADER_BYTES = 32;
const STREAMS: readonly OutputStream[] = ['stdout', 'stderr'];
const LIMITS = { output: limits.outputBytes, checkpoint: limits.checkpointFrameBytes } as const;

/** @throws RangeError when `bytes` is longer than the limit of its kind: cut it first */
export function encodeFrame(frame: Frame): Uint8Array<ArrayBuffer> {
  if (frame.bytes.length > LIMITS[frame.kind]) {
    throw new RangeError(`${frame.kind} frame of ${frame.bytes.length} bytes; the limit is ${LIMITS[frame.kind]}`);
  }
  const encoded = new Uint8Array(HEADER_BYTES + frame.bytes.length);
  const view = new DataView(encoded.buffer);
  view.setUint8(0, KINDS[frame.kind]);
  if (frame.kind === 'output') view.setUint8(1, STREAMS.indexOf(frame.stream) + 1);
  const hex = frame.assignment.replaceAll('-', '');
  for (let i = 0; i < 16; i++) view.setUint8(4 + i, Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
  view.setUint32(20, frame.epoch);
  view.setBigUint64(24, BigInt(frame.kind === 'output' ? frame.offset : frame.sequence));
  encoded.set(frame.bytes, HEADER_BYTES);
  return encoded;
}

/** @throws ProtocolError `malformed`, `too-large` or `out-of-protocol` (unknown kind or stream) */
export function decodeFrame(data: Uint8Array): Frame {
  if (data.length < HEADER_BYTES) {
    throw new ProtocolError(
      'malformed',
      `binary frame of ${data.length} bytes is shorter than its header (${HEADER_BYTES})`,
    );
  }
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const code = view.getUint8(0);
  const kind = code === KINDS.output ? 'output' : code === KINDS.checkpoint ? 'checkpoint' : undefined;
  if (!kind) throw new ProtocolError('out-of-protocol', `unknown binary frame kind ${code}`);
  if (data.length > HEADER_BYTES + LIMITS[kind]) {
    throw new ProtocolError(
      'too-large',
      `${kind} frame of ${data.length} bytes; the limit is ${HEADER_BYTES + LIMITS[kind]}`,
    );
  }
  const epoch = view.getUint32(20);
  const position = view.getBigUint64(24);
  if (epoch === 0) throw new ProtocolError('out-of-protocol', `${kind} frame with epoch 0`);
  if (position > BigInt(Number.MAX_SAFE_INTEGER))
    throw new ProtocolError('out-of-protocol', `${kind} frame at ${position} is out of range`);
  let hex = '';
  for (let i = 4; i < 20; i++) hex += view.getUint8(i).toString(16).padStart(2, '0');
  const assignment = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  const bytes = data.subarray(HEADER_BYTES);
  if (kind === 'checkpoint') return { kind, assignment, epoch, sequence: Number(position), bytes };
  const stream = STREAMS[view.getUint8(1) - 1];
  if (!stream) throw new ProtocolError('out-of-protocol', `unknown output stream ${view.getUint8(1)}`);
  return { kind, assignment, epoch, stream, offset: Number(position), bytes };
}
