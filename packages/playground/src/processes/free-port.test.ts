import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { freePorts, releasePorts } from './free-port.ts';

test('ports can be listened on, and nobody gets one of them a second time', async () => {
  const batches = await Promise.all(Array.from({ length: 10 }, () => freePorts(4)));
  const ports = batches.flat();
  expect(new Set(ports).size).toBe(40);
  const servers = ports.map((port) => createServer().listen(port, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  for (const server of servers) server.close();
  releasePorts(ports);
});
