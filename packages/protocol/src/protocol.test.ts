import { describe, expect, it } from 'vitest';
import {
  decodeFrame,
  encodeFrame,
  encodeMessage,
  type Hello,
  limits,
  negotiateVersion,
  ProtocolError,
  parseAgentMessage,
  parseNodeMessage,
} from './index.ts';

const assignment = '0f8fad5b-d9cb-469f-a165-70867728950e';
const hello: Hello = {
  type: 'hello',
  versions: [1],
  key: 'pk_test',
  agent: { engine: 'firefox', engineVersion: '153.7', features: ['jspi'] },
  offer: { cpuMillis: 1500, memoryBytes: 2 ** 31, containers: 8 },
  held: [{ assignment, epoch: 3, state: { phase: 'starting' }, produced: { stdout: 7, stderr: 0 } }],
};

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof ProtocolError) return error.code;
    throw error;
  }
  return 'none';
}

describe('control messages', () => {
  it('survive encoding and parsing', () => {
    expect(parseAgentMessage(encodeMessage(hello))).toEqual(hello);
    const stop = { type: 'stop', assignment, epoch: 1 } as const;
    expect(parseNodeMessage(encodeMessage(stop))).toEqual(stop);
  });

  it.each([
    ['text that is not JSON', '{"type":', 'malformed'],
    ['an unknown type', '{"type":"reboot"}', 'out-of-protocol'],
    ['a message of the other direction', encodeMessage({ type: 'stop', assignment, epoch: 1 }), 'out-of-protocol'],
    ['an unknown field', JSON.stringify({ ...hello, admin: true }), 'out-of-protocol'],
    ['a missing field', JSON.stringify({ ...hello, offer: undefined }), 'out-of-protocol'],
    ['a negative offer', JSON.stringify({ ...hello, offer: { ...hello.offer, cpuMillis: -1 } }), 'out-of-protocol'],
    [
      'an exit code over 255',
      JSON.stringify({
        type: 'state',
        assignment,
        epoch: 1,
        state: { phase: 'exited', cause: 'exit', exitCode: 256, finishedAt: new Date(0).toISOString() },
      }),
      'out-of-protocol',
    ],
    [
      'an epoch of zero',
      JSON.stringify({ type: 'state', assignment, epoch: 0, state: { phase: 'starting' } }),
      'out-of-protocol',
    ],
    ['a message over the limit', ' '.repeat(limits.controlLength + 1), 'too-large'],
    ['null', 'null', 'out-of-protocol'],
  ])('refuse %s', (_what, text, code) => {
    expect(codeOf(() => parseAgentMessage(text))).toBe(code);
  });

  it('name the offending field', () => {
    expect(() => parseAgentMessage(JSON.stringify({ ...hello, key: 7 }))).toThrow(/at key/);
  });
});

describe('binary frames', () => {
  const frame = {
    kind: 'output',
    assignment,
    epoch: 4_000_000_000,
    stream: 'stderr',
    offset: 2 ** 40 + 1,
    bytes: new Uint8Array([0, 255, 10]),
  } as const;

  it('survive encoding and decoding', () => {
    expect(decodeFrame(encodeFrame(frame))).toEqual(frame);
  });

  it.each([
    ['a short frame', new Uint8Array(31), 'malformed'],
    ['an oversized frame', new Uint8Array(32 + limits.outputBytes + 1).fill(1), 'too-large'],
    ['an unknown kind', encodeFrame(frame).with(0, 9), 'out-of-protocol'],
    ['an unknown stream', encodeFrame(frame).with(1, 3), 'out-of-protocol'],
    ['an offset beyond 2^53', encodeFrame(frame).with(24, 0xff), 'out-of-protocol'],
  ])('refuse %s', (_what, data, code) => {
    expect(codeOf(() => decodeFrame(data))).toBe(code);
  });

  it('carry checkpoints by sequence number', () => {
    const checkpoint = {
      kind: 'checkpoint',
      assignment,
      epoch: 2,
      sequence: 7,
      bytes: new Uint8Array([1, 2]),
    } as const;
    expect(decodeFrame(encodeFrame(checkpoint))).toEqual(checkpoint);
  });

  it('refuse to be made over the limit', () => {
    expect(() => encodeFrame({ ...frame, bytes: new Uint8Array(limits.outputBytes + 1) })).toThrow(RangeError);
  });
});

describe('version negotiation', () => {
  it('takes the newest common version', () => {
    expect(negotiateVersion([1, 2, 3], [3, 2])).toBe(3);
  });

  it('names both sides when there is none', () => {
    expect(() => negotiateVersion([7], [2, 1])).toThrow(/peer speaks 7, this side speaks 2, 1/);
  });
});
