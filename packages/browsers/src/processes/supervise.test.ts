import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { listeningPort } from './listening-port.ts';
import { processesOf } from './process-tree.ts';
import { supervise } from './supervise.ts';

const env = { PATH: process.env.PATH ?? '' };

test('kills what a command started in a session of its own and left to init', async () => {
  const script = "sh -c 'setsid sleep 1000 & echo daemon $!'; exec sleep 1000";
  const command = await supervise('/bin/sh', { args: ['-c', script], env });
  const daemon = Number((await command.line(/daemon (\d+)/))[1]);
  expect(processesOf(daemon, 'none')).toEqual([daemon]);
  await command.kill();
  expect(processesOf(daemon, 'none')).toEqual([]);
});

test('kills what a command left behind when it ends by itself, and removes its directories', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'supervise-test-'));
  const command = await supervise('/bin/sh', {
    args: ['-c', 'sleep 1000 >/dev/null 2>&1 3>&1 & echo child $!'],
    env,
    remove: [directory],
  });
  const child = Number((await command.line(/child (\d+)/))[1]);
  await command.done;
  expect(processesOf(child, 'none')).toEqual([]);
  expect(existsSync(directory)).toBe(false);
});

test('says why a command cannot be started', async () => {
  await expect(supervise('/nowhere/browser', { args: [], env })).rejects.toMatchObject({
    code: 'BROWSER_LAUNCH_FAILED',
    message: expect.stringMatching(/\/nowhere\/browser.*ENOENT/),
  });
});

test('keeps the last lines, offers lines to a pattern and reads file descriptor 3', async () => {
  const command = await supervise('/bin/sh', {
    args: ['-c', 'for i in $(seq 100); do echo line $i >&2; done; echo 77 >&3; exec sleep 1000'],
    env,
  });
  expect((await command.line(/line (100)/))[1]).toBe('100');
  expect(await command.firstLineOfFd3).toBe('77');
  expect(command.tail().split('\n')).toHaveLength(40);
  expect(command.tail()).toMatch(/line 100$/);
  await command.kill();
});

test('finds the port a process listens on', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  expect(listeningPort(process.pid)).toBe(typeof address === 'object' ? address?.port : undefined);
  server.close();
});
