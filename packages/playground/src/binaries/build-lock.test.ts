import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { acquireBuildLock } from './build-lock.ts';

let directory: string;
let file: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wigeon-lock-'));
  file = join(directory, 'sub', 'build.lock');
});
afterEach(() => rm(directory, { recursive: true }));

test('the second one gets the lock when the first lets go of it', async () => {
  const order: string[] = [];
  const first = await acquireBuildLock(file);
  const waiting = Promise.withResolvers<string>();
  const second = acquireBuildLock(file, { onWait: waiting.resolve }).then((lock) => {
    order.push('second has it');
    return lock;
  });
  expect(await waiting.promise).toBe(`process ${process.pid}`);
  order.push('first lets go');
  await first[Symbol.asyncDispose]();
  await (await second)[Symbol.asyncDispose]();
  expect(order).toEqual(['first lets go', 'second has it']);
  expect(await readdir(join(directory, 'sub'))).toEqual([]);
});

test('the lock of a process that died is taken over', async () => {
  const child = spawn('true');
  await once(child, 'exit');
  await (await acquireBuildLock(file))[Symbol.asyncDispose]();
  await writeFile(file, `${child.pid} ${hostname()}`);
  await using _lock = await acquireBuildLock(file);
  expect(await readFile(file, 'utf8')).toBe(`${process.pid} ${hostname()}`);
});

test('the lock of another machine is taken over when its heartbeat stops', async () => {
  await (await acquireBuildLock(file))[Symbol.asyncDispose]();
  await writeFile(file, '1 another-machine');
  const long = new Date(Date.now() - 60_000);
  await utimes(file, long, long);
  await using _lock = await acquireBuildLock(file);
  expect(await readFile(file, 'utf8')).toBe(`${process.pid} ${hostname()}`);
});

test('waiting ends when it is cancelled', async () => {
  await using _lock = await acquireBuildLock(file);
  const cancel = new AbortController();
  const waiting = acquireBuildLock(file, { signal: cancel.signal, onWait: () => cancel.abort() });
  await expect(waiting).rejects.toThrow(/abort/);
});
