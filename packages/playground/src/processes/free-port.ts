import { once } from 'node:events';
import { createServer } from 'node:net';
import { PlaygroundError } from '../error.ts';

// Below the ranges from which Linux (32768) and macOS (49152) give ports to outgoing connections and to listeners that
// do not care: between our look and the component's bind nobody gets one of these by chance.
const first = 20_000;
const last = 32_000;
const attempts = 200;

const given = new Set<number>();

/**
 * Returns TCP ports of 127.0.0.1 that nobody listens on, none of them twice in this process.
 *
 * Another process may still take one before it is bound; the caller has to cope.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  for (let attempt = 0; ports.length < count; attempt += 1) {
    if (attempt === attempts) {
      throw new PlaygroundError('no_free_port', `no free port among ${attempts} tried from ${first} to ${last}`);
    }
    const port = first + Math.floor(Math.random() * (last - first));
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) ports.push(port);
    else given.delete(port);
  }
  return ports;
}

/** Lets ports be given out again. */
export function releasePorts(ports: readonly number[]): void {
  for (const port of ports) given.delete(port);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen({ port, host: '127.0.0.1', exclusive: true });
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
