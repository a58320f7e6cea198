import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A port of loopback that leads to a port inside a cluster. */
export interface Forward extends AsyncDisposable {
  readonly port: number;
}

/** @param socketFile where cluster-host.node.ts listens */
export async function openForward(socketFile: string, host: string, port: number): Promise<Forward> {
  const open = new Set<Socket>();
  const server = createServer((outside) => {
    const inside = connect(socketFile);
    inside.write(`${host} ${port}\n`);
    outside.pipe(inside);
    inside.pipe(outside);
    for (const [socket, other] of [
      [outside, inside],
      [inside, outside],
    ] as const) {
      open.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        open.delete(socket);
        other.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
