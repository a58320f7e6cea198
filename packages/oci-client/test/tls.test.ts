import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRegistryClient, mediaTypes } from '../src/index.ts';
import { requirePrograms } from './tools/debian-packages.ts';

const resources = new AsyncDisposableStack();
let ca: string;
let registry: string;
let location = '';

beforeAll(async () => {
  await requirePrograms('openssl');
  const directory = await mkdtemp(join(tmpdir(), 'wigeon-tls-'));
  resources.defer(() => rm(directory, { recursive: true }));
  const [key, certificate] = [join(directory, 'key.pem'), join(directory, 'certificate.pem')];
  await promisify(execFile)('openssl', [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=localhost',
    '-addext',
    'subjectAltName=IP:127.0.0.1',
    '-keyout',
    key,
    '-out',
    certificate,
  ]);
  ca = await readFile(certificate, 'utf8');
  const server = createServer({ key: await readFile(key), cert: ca }, (_, response) => {
    if (location) response.writeHead(307, { location }).end();
    else response.writeHead(200, { 'content-type': mediaTypes.index }).end('{"manifests":[]}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  resources.defer(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  });
  registry = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => resources.disposeAsync());

test('a registry is trusted by the authority that is given for it, and only for it', async () => {
  await using trusting = createRegistryClient({ hosts: { [registry]: { ca } } });
  const reference = { registry, repository: 'app' };
  expect((await trusting.repository(reference).manifest('1')).manifest.kind).toBe('index');
  await using other = createRegistryClient({ hosts: { 'other.example': { ca } } });
  await expect(other.repository(reference).manifest('1')).rejects.toThrow(
    expect.objectContaining({ code: 'unreachable', message: expect.stringContaining('self-signed') }),
  );
});

test('a redirect that leaves https is refused', async () => {
  await using client = createRegistryClient({ hosts: { [registry]: { ca } } });
  location = 'http://127.0.0.1:1/blob';
  await expect(client.repository({ registry, repository: 'app' }).manifest('1')).rejects.toThrow(
    expect.objectContaining({ code: 'redirect_refused', message: expect.stringContaining('leaves https') }),
  );
});
