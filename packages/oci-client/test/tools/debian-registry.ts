// Debian's docker-registry 2.8: no referrers, no paging of tags, single POST answered 202.
import { execFile } from 'node:child_process';
import { createSign, randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { requirePrograms } from './debian-packages.ts';
import { startListening } from './listening-process.ts';

const run = promisify(execFile);

export interface DebianRegistry extends AsyncDisposable {
  readonly host: string;
  /** What its token server was asked: scopes of each request. */
  readonly tokenRequests: string[][];
}

/** The only user where authorisation is on. */
export const debianUser = { username: 'ann', password: 'pass:word' } as const;

/** @param authorization `htpasswd` is Basic, `token` a token server with signed tokens */
export async function startDebianRegistry(
  authorization: 'none' | 'htpasswd' | 'token' = 'none',
): Promise<DebianRegistry> {
  await requirePrograms('docker-registry', 'htpasswd', 'openssl');
  await using resources = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'wigeon-debian-registry-'));
  resources.defer(() => rm(directory, { recursive: true }));
  const tokenRequests: string[][] = [];
  let auth: object = {};
  if (authorization === 'htpasswd') {
    const path = join(directory, 'htpasswd');
    const { stdout } = await run('htpasswd', ['-Bbn', debianUser.username, debianUser.password]);
    await writeFile(path, stdout);
    auth = { auth: { htpasswd: { realm: 'a realm, with a comma', path } } };
  }
  if (authorization === 'token') {
    const server = await startTokenServer(directory, tokenRequests);
    resources.use(server);
    auth = {
      auth: {
        token: { realm: server.realm, service: 'debian', issuer: 'wigeon-test', rootcertbundle: server.certificate },
      },
    };
  }
  const config = join(directory, 'config.json');
  await writeFile(
    config,
    JSON.stringify({
      version: '0.1',
      log: { level: 'info' },
      storage: { filesystem: { rootdirectory: join(directory, 'data') }, delete: { enabled: true } },
      http: { addr: '127.0.0.1:0' },
      ...auth,
    }),
  );
  const registry = resources.use(
    await startListening('docker-registry', ['serve', config], /listening on 127\.0\.0\.1:(\d+)/),
  );
  const owned = resources.move();
  return { host: registry.host, tokenRequests, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Issues tokens as the distribution project's specification says, signed by a key the registry trusts. */
async function startTokenServer(
  directory: string,
  requests: string[][],
): Promise<AsyncDisposable & { readonly realm: string; readonly certificate: string }> {
  const key = join(directory, 'key.pem');
  const certificate = join(directory, 'certificate.pem');
  await run('openssl', [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=wigeon-test',
    '-keyout',
    key,
    '-out',
    certificate,
  ]);
  const [keyText, certificateText] = await Promise.all([readFile(key, 'utf8'), readFile(certificate, 'utf8')]);
  const x5c = [certificateText.replace(/-----[^-]+-----|\s/g, '')];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://token');
    const scopes = url.searchParams.getAll('scope');
    requests.push(scopes);
    const given = Buffer.from((request.headers.authorization ?? '').replace(/^Basic /, ''), 'base64').toString();
    if (given !== '' && given !== `${debianUser.username}:${debianUser.password}`)
      return void response.writeHead(401).end('{}');
    const access = scopes.map((scope) => {
      const [type, name, actions = ''] = scope.split(':');
      // Anonymous users may pull what is public.
      const allowed = actions
        .split(',')
        .filter((action) => given !== '' || (action === 'pull' && name?.startsWith('public/')));
      return { type, name, actions: allowed };
    });
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: 'wigeon-test',
      sub: given,
      aud: 'debian',
      exp: now + 300,
      nbf: now - 10,
      iat: now,
      jti: randomUUID(),
      access,
    };
    const signed = [{ typ: 'JWT', alg: 'RS256', x5c }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    const signature = createSign('sha256').update(signed).sign(keyText).toString('base64url');
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ token: `${signed}.${signature}`, expires_in: 300 }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    realm: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
    certificate,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
