import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startPlayground } from './playground.ts';
import { isAlive } from './processes/is-alive.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wigeon-failures-'));
});
afterEach(() => rm(directory, { recursive: true }));

// The first start on a machine builds the programs.
const timeout = 600_000;

test('a component that dies is reported with its log, and not restarted', { timeout }, async () => {
  const lines: string[] = [];
  await using playground = await startPlayground({ directory, log: (line) => lines.push(line) });
  const scheduler = playground.components.find(({ name }) => name === 'kube-scheduler')!;
  process.kill(scheduler.pid, 'SIGKILL');
  await expect(playground.done).rejects.toMatchObject({
    code: 'component_failed',
    message: expect.stringMatching(/^kube-scheduler was killed by SIGKILL\. The end of its log:\n/),
  });
  expect(lines.at(-1)).toMatch(/^kube-scheduler was killed by SIGKILL/);
  expect(isAlive(scheduler.pid)).toBe(false);
  expect((await playground.kubectl(['get', 'namespaces'])).code).toBe(0);
});

test('a component that refuses its flags ends the start with its own words', { timeout }, async () => {
  const flags = { 'kube-apiserver': ['--no-such-flag'] };
  await expect(startPlayground({ directory, flags })).rejects.toMatchObject({
    code: 'component_failed',
    message: expect.stringMatching(/kube-apiserver exited with code 1\. .*unknown flag: --no-such-flag/s),
  });
  expect(await readdir(directory)).toEqual([]);
});

test.each([
  ['etcd', (port: number) => `--listen-client-urls=http://127.0.0.1:${port}`],
  ['kube-apiserver', (port: number) => `--secure-port=${port}`],
] as const)('a port lost to another process is replaced: %s', { timeout }, async (name, flag) => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const taken = flag((other.address() as AddressInfo).port);
  const lines: string[] = [];
  // Flags are read at each attempt, so the first one meets the taken port.
  const flags = {
    get [name](): string[] {
      return lines.some((line) => line.includes('starting again')) ? [] : [taken];
    },
  };
  await using playground = await startPlayground({ directory, flags, log: (line) => lines.push(line) });
  expect(lines).toContain('another process took a port meanwhile; starting again with other ports');
  expect(await readdir(directory)).toEqual([basename(playground.directory)]);
  other.close();
});

test('a start that is cancelled or takes too long leaves nothing behind', { timeout }, async () => {
  const cancel = new AbortController();
  const log = (line: string): void => {
    if (line.startsWith('starting etcd')) cancel.abort();
  };
  await expect(startPlayground({ directory, signal: cancel.signal, log })).rejects.toMatchObject({ code: 'aborted' });
  await expect(startPlayground({ directory, startTimeoutSeconds: 0.1 })).rejects.toMatchObject({
    code: 'start_timeout',
    message: 'The playground was not ready within 0.1 s',
  });
  expect(await readdir(directory)).toEqual([]);
});

test('aborting the signal disposes a running playground', { timeout }, async () => {
  const stop = new AbortController();
  const playground = await startPlayground({ directory, signal: stop.signal });
  stop.abort();
  await playground.done;
  expect(playground.components.map(({ pid }) => pid).filter(isAlive)).toEqual([]);
  expect(await readdir(directory)).toEqual([]);
});

test('a killed launcher leaves no process, and the next start removes its files', { timeout }, async () => {
  const script = `
    const { startPlayground } = await import(${JSON.stringify(join(import.meta.dirname, 'playground.ts'))});
    const { components, directory } = await startPlayground({ directory: ${JSON.stringify(directory)} });
    console.log(JSON.stringify({ pids: components.map(({ pid }) => pid), directory }));`;
  const launcher = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: launcher.stdout }), 'line')) as [string];
  const crashed: { pids: number[]; directory: string } = JSON.parse(line);
  expect(crashed.pids.filter(isAlive)).toHaveLength(5);
  launcher.kill('SIGKILL');
  await expect.poll(() => crashed.pids.filter(isAlive)).toEqual([]);

  await using playground = await startPlayground({ directory });
  expect(await readdir(directory)).toEqual([basename(playground.directory)]);
});
