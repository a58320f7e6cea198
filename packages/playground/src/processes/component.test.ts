import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startComponent } from './component.ts';
import { isAlive } from './is-alive.ts';

// `sh` stands for a program of KUBEBUILDER_ASSETS, so these run through the guard.
const program = { command: '/bin/sh', args: ['-c'], ours: false };
const forever = 'echo $$; exec sleep 600';

let directory: string;
let logFile: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wigeon-component-'));
  logFile = join(directory, 'etcd.log');
});
afterEach(() => rm(directory, { recursive: true }));

const printedPid = async (): Promise<number> => {
  const read = (): Promise<string> => readFile(logFile, 'utf8').catch(() => '');
  await expect.poll(read, { interval: 10 }).toMatch(/^\d+\n/);
  return Number.parseInt(await read(), 10);
};

test('disposing ends the program, whatever stands between, and is no failure', async () => {
  const component = await startComponent({ name: 'etcd', program, args: [forever], logFile });
  const pid = await printedPid();
  expect(isAlive(pid)).toBe(true);
  await component[Symbol.asyncDispose]();
  await component.done;
  await expect.poll(() => isAlive(pid)).toBe(false);
});

test('a program that ends by itself is a failure with its exit code and last words', async () => {
  const args = ['echo first; for i in $(seq 30); do echo line $i; done; exit 3'];
  const component = await startComponent({ name: 'etcd', program, args, logFile });
  await expect(component.done).rejects.toMatchObject({
    code: 'component_failed',
    message: expect.stringMatching(/^etcd exited with code 3\. The end of its log:\nline 11\n(.*\n)*line 30$/),
  });
  await component[Symbol.asyncDispose]();
});

test('a program that cannot be started is a failure that names it', async () => {
  const missing = { command: join(directory, 'missing'), args: [], ours: true };
  await expect(startComponent({ name: 'etcd', program: missing, args: [], logFile })).rejects.toMatchObject({
    code: 'component_failed',
    message: expect.stringContaining(missing.command),
  });
});

test('a guarded program dies with the launcher, even if that is killed', async () => {
  const script = `
    const { startComponent } = await import(${JSON.stringify(join(import.meta.dirname, 'component.ts'))});
    const { pid } = await startComponent(${JSON.stringify({ name: 'etcd', program, args: [forever], logFile })});
    console.log(pid);`;
  const launcher = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: launcher.stdout }), 'line')) as [string];
  const pids = [Number(line), await printedPid()];
  expect(pids.map(isAlive)).toEqual([true, true]);
  launcher.kill('SIGKILL');
  await expect.poll(() => pids.map(isAlive)).toEqual([false, false]);
});
