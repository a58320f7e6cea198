import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ContainerLog } from './container-log.ts';
import { type LogOptions, readLog } from './log-reader.ts';

const all: LogOptions = {
  follow: false,
  timestamps: false,
  tailLines: undefined,
  sinceTime: undefined,
  limitBytes: undefined,
};
const time = '2026-11-21T02:16:05.000000000Z';
let directory: string;
let log: ContainerLog;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wigeon-logs-'));
  log = await ContainerLog.open(join(directory, '0.log'));
});
afterEach(async () => {
  await log[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

async function read(options: Partial<LogOptions> = {}, from: ContainerLog = log): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of readLog(from, { ...all, ...options }, new AbortController().signal)) parts.push(part);
  return Buffer.concat(parts);
}

/** Appends text at the end of what the stream has. */
async function write(stream: 'stdout' | 'stderr', data: string | Uint8Array, at: string = time): Promise<void> {
  await log.append(stream, log.stored[stream], Buffer.from(data as string), at);
}

describe('a container log', () => {
  it('gives back every byte value, with and without a last newline', async () => {
    const bytes = Uint8Array.from({ length: 1024 }, (_, index) => index % 256);
    await write('stdout', bytes);
    expect(await read()).toEqual(Buffer.from(bytes));
    await write('stdout', 'end\n');
    expect((await read()).subarray(1024).toString()).toBe('end\n');
  });

  it('gives back lines longer than a record', async () => {
    const line = `${'x'.repeat(100_000)}\n`;
    await write('stdout', line);
    expect((await read()).toString()).toBe(line);
  });

  it('stores bytes at offsets it has only once', async () => {
    await log.append('stdout', 0, Buffer.from('hello '), time);
    await log.append('stdout', 3, Buffer.from('lo world'), time);
    await log.append('stdout', 0, Buffer.from('hello'), time);
    expect((await read()).toString()).toBe('hello world');
    expect(log.stored).toEqual({ stdout: 11, stderr: 0 });
  });

  it('refuses a gap', () => {
    expect(() => log.append('stderr', 1, Buffer.from('x'), time)).toThrow(/continues at 1, but only 0 bytes/);
  });

  it('knows its offsets again after a restart, and cuts off a torn record', async () => {
    await write('stdout', 'one\ntwo');
    await write('stderr', 'oops\n');
    await log[Symbol.asyncDispose]();
    await appendFile(log.path, '2026-11-21T02:16:05.000000000Z stdout F torn');
    log = await ContainerLog.open(log.path);
    expect(log.stored).toEqual({ stdout: 7, stderr: 5 });
    await write('stdout', '!\n');
    expect((await read()).toString()).toBe('one\ntwooops\n!\n');
  });
});

describe('reading a log', () => {
  it('keeps the last lines, an unfinished one included', async () => {
    await write('stdout', 'a\nb\nc');
    expect((await read({ tailLines: 2 })).toString()).toBe('b\nc');
    expect((await read({ tailLines: 0 })).toString()).toBe('');
    expect((await read({ tailLines: 9 })).toString()).toBe('a\nb\nc');
  });

  it('stops at the byte limit', async () => {
    await write('stdout', 'hello\nworld\n');
    expect((await read({ limitBytes: 8 })).toString()).toBe('hello\nwo');
  });

  it('puts a timestamp before each line, not before each piece', async () => {
    await write('stdout', 'hel');
    await write('stdout', 'lo\nnext\n');
    expect((await read({ timestamps: true })).toString()).toBe(`${time} hello\n${time} next\n`);
  });

  it('leaves out what is older than asked', async () => {
    await write('stdout', 'old\n', '2026-11-21T02:00:00.000000000Z');
    await write('stdout', 'new\n', '2026-11-21T03:00:00.000000000Z');
    expect((await read({ sinceTime: Date.parse('2026-11-21T02:30:00Z') })).toString()).toBe('new\n');
  });

  it('follows until the log ends', async () => {
    await write('stdout', 'first\n');
    const parts: string[] = [];
    const reading = (async () => {
      for await (const part of readLog(log, { ...all, follow: true }, new AbortController().signal)) {
        parts.push(Buffer.from(part).toString());
        if (parts.length === 1) void write('stdout', 'second\n').then(() => log.end());
      }
    })();
    await reading;
    expect(parts.join('')).toBe('first\nsecond\n');
  });

  it('stops following when the reader goes away', async () => {
    const reader = new AbortController();
    const reading = (async () => {
      for await (const part of readLog(log, { ...all, follow: true }, reader.signal)) void part;
    })();
    reader.abort();
    await reading;
  });
});
