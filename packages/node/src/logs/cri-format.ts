// The log file format of CRI runtimes, so that log collectors understand our files: one record per line,
//   TIME STREAM TAG CONTENT\n     TAG F: the content ended with a newline; P: it did not (yet).
// Content is bytes, not text: concatenating contents, with a newline after each F, gives back exactly what was written.
import type { OutputStream } from '@wigeon/protocol';

const NEWLINE = 0x0a;
const SPACE = 0x20;
// Longer lines are cut into P records of this size, as containerd does, so that readers never need a whole line.
const RECORD_LIMIT = 16 * 1024;

export interface LogRecord {
  /** RFC 3339 with nanoseconds. */
  readonly time: string;
  readonly stream: OutputStream;
  /** The content ended with a newline, which is not part of `content`. */
  readonly full: boolean;
  readonly content: Uint8Array;
}

/** The records for a piece of one stream's output. */
export function encodeRecords(stream: OutputStream, bytes: Uint8Array, time: string): Uint8Array {
  const full = Buffer.from(`${time} ${stream} F `);
  const partial = Buffer.from(`${time} ${stream} P `);
  const parts: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(NEWLINE, start);
    const end = newline < 0 ? bytes.length : newline;
    if (end - start > RECORD_LIMIT) {
      parts.push(partial, bytes.subarray(start, start + RECORD_LIMIT), newlineBytes);
      start += RECORD_LIMIT;
    } else if (newline < 0) {
      parts.push(partial, bytes.subarray(start, end), newlineBytes);
      start = end;
    } else {
      parts.push(full, bytes.subarray(start, end), newlineBytes);
      start = end + 1;
    }
  }
  return Buffer.concat(parts);
}

const newlineBytes = Uint8Array.of(NEWLINE);

/** Reads the record in `line` (without its newline); undefined when it is not one. */
export function parseRecord(line: Uint8Array): LogRecord | undefined {
  const afterTime = line.indexOf(SPACE);
  const afterStream = line.indexOf(SPACE, afterTime + 1);
  const afterTag = line.indexOf(SPACE, afterStream + 1);
  if (afterTime <= 0 || afterStream < 0 || afterTag !== afterStream + 2) return undefined;
  const text = Buffer.from(line.buffer, line.byteOffset, line.byteLength);
  const stream = text.toString('latin1', afterTime + 1, afterStream);
  const tag = text.toString('latin1', afterStream + 1, afterTag);
  if ((stream !== 'stdout' && stream !== 'stderr') || (tag !== 'F' && tag !== 'P')) return undefined;
  return {
    time: text.toString('latin1', 0, afterTime),
    stream,
    full: tag === 'F',
    content: line.subarray(afterTag + 1),
  };
}

/** Cuts a growing file into lines: give chunks in order, get complete lines without their newline. */
export class LineCutter {
  #rest: Uint8Array = new Uint8Array();

  /** Bytes seen that are not yet part of a complete line. */
  get pending(): number {
    return this.#rest.length;
  }

  *push(chunk: Uint8Array): Generator<Uint8Array> {
    const data = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    let start = 0;
    for (let end = data.indexOf(NEWLINE); end >= 0; end = data.indexOf(NEWLINE, start)) {
      yield data.subarray(start, end);
      start = end + 1;
    }
    this.#rest = data.slice(start);
  }
}
