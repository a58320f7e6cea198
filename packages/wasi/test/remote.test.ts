import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { closeEngines, engines, runInEngine } from '@wigeon/testkit/engines';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RemoteRead } from './remote.worker.ts';

const worker = new URL('./remote.worker.ts', import.meta.url);
const content = Uint8Array.from({ length: 10_000 }, (_, i) => Math.floor(i / 100));

let server: Server;
let url: string;
let asked: (string | undefined)[];

beforeEach(async () => {
  asked = [];
  server = createServer((request, response) => {
    const headers = { 'access-control-allow-origin': '*', 'access-control-allow-headers': 'range' };
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
    if (request.method === 'OPTIONS') return void response.writeHead(204, headers).end();
    asked.push(range?.[0]);
    if (request.url === '/gone') return void response.writeHead(404, headers).end();
    if (request.url === '/whole' || !range) return void response.writeHead(200, headers).end(content);
    response.writeHead(206, headers).end(content.subarray(Number(range[1]), Number(range[2]) + 1));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});
afterAll(closeEngines);

describe.each(engines.filter((engine) => engine !== 'node'))('in %s', (engine) => {
  const read = (path: string, at: number[]): Promise<number[]> =>
    runInEngine<RemoteRead, number[]>(engine, worker, { url: `${url}${path}`, size: content.length, at });

  test('only the ranges that are read are fetched, each once', async () => {
    expect(await read('/ranges', [0, 999, 5500, 5600, 9999])).toEqual([0, 9, 55, 56, 99]);
    expect(asked).toEqual(['bytes=0-999', 'bytes=5000-5999', 'bytes=9000-9999']);
  });

  test('a server that sends the whole file is understood', async () => {
    expect(await read('/whole', [5500])).toEqual([55]);
  });

  test('a file that is gone ends the program with what was asked for', async () => {
    await expect(read('/gone', [0])).rejects.toThrow(/\/gone: bytes 0 to 999: status 404/);
  });
});
