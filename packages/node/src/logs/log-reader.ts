import { createReadStream } from 'node:fs';
import { LineCutter, type LogRecord, parseRecord } from './cri-format.ts';

/** What `kubectl logs` may ask for; the names are those of the kubelet's query parameters. */
export interface LogOptions {
  readonly follow: boolean;
  readonly timestamps: boolean;
  readonly tailLines: number | undefined;
  /** Records older than this are left out; milliseconds since the epoch. */
  readonly sinceTime: number | undefined;
  readonly limitBytes: number | undefined;
}

/** What the reader needs to know of a log that may still grow. */
export interface ReadableLog {
  readonly path: string;
  readonly bytes: number;
  readonly ended: boolean;
  changed(): Promise<void>;
}

const NEWLINE = Uint8Array.of(0x0a);

/** The log as `kubectl logs` shows it: exactly the bytes that the container wrote, unless timestamps are asked for. */
export async function* readLog(log: ReadableLog, options: LogOptions, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  let skip = options.tailLines === undefined ? 0 : await linesBefore(log, options.tailLines, options.sinceTime);
  let remaining = options.limitBytes ?? Number.POSITIVE_INFINITY;
  const atLineStart = { stdout: true, stderr: true };
  for await (const records of recordBatches(log, options.follow, signal)) {
    const parts: Uint8Array[] = [];
    for (const record of records) {
      if (options.sinceTime !== undefined && Date.parse(record.time) < options.sinceTime) continue;
      if (skip > 0) {
        if (record.full) skip--;
        continue;
      }
      if (options.timestamps && atLineStart[record.stream]) parts.push(Buffer.from(`${record.time} `));
      atLineStart[record.stream] = record.full;
      parts.push(record.content);
      if (record.full) parts.push(NEWLINE);
    }
    const data = Buffer.concat(parts);
    if (data.length > 0) yield data.subarray(0, remaining);
    remaining -= data.length;
    if (remaining <= 0) return;
  }
}

/** How many lines stand before the last `tail` ones; an unfinished last line counts as one. */
async function linesBefore(log: ReadableLog, tail: number, sinceTime: number | undefined): Promise<number> {
  let lines = 0;
  let unfinished = false;
  for await (const records of recordBatches(log, false, new AbortController().signal)) {
    for (const record of records) {
      if (sinceTime !== undefined && Date.parse(record.time) < sinceTime) continue;
      if (record.full) lines++;
      unfinished = !record.full;
    }
  }
  return Math.max(0, lines + (unfinished ? 1 : 0) - tail);
}

async function* recordBatches(log: ReadableLog, follow: boolean, signal: AbortSignal): AsyncGenerator<LogRecord[]> {
  const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  const cutter = new LineCutter();
  let position = 0;
  while (!signal.aborted) {
    // Taken before reading, so that what is stored meanwhile wakes us.
    const changed = log.changed();
    const { ended, bytes: end } = log;
    if (end > position) {
      for await (const chunk of createReadStream(log.path, { start: position, end: end - 1 })) {
        if (signal.aborted) return;
        const records: LogRecord[] = [];
        for (const line of cutter.push(chunk as Buffer)) {
          const record = parseRecord(line);
          if (record) records.push(record);
        }
        yield records;
      }
      position = end;
    }
    if (!follow || (ended && log.bytes === position)) return;
    if (!ended) await Promise.race([changed, aborted]);
  }
}
