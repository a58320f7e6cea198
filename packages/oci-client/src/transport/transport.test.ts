import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { basic, collect, connect, isBlob, isManifest, open, start } from '../../test/connect.ts';
import { addImage, type FakeRegistry, noiseOf } from '../../test/index.ts';
import type { Credential } from '../auth/credential.ts';
import { mediaTypes } from '../media-types.ts';
import { createRegistryClient } from '../node/registry-client.ts';

describe('asking again', () => {
  test('429 with Retry-After is waited for, 5xx with growing waits', async () => {
    const registry = await start();
    await addImage(registry, 'team/app', '1');
    const statuses = [429, 503, 502];
    registry.interceptTimes(3, isManifest, (_, response) => {
      const status = statuses.shift()!;
      response.writeHead(status, status === 429 ? { 'retry-after': '7' } : {}).end();
      return true;
    });
    const { repository, waits } = connect(registry);
    await repository.manifest('1');
    expect(waits).toEqual([7000, 500, 1000]);
  });

  test('a Retry-After of an hour is told and not waited for', async () => {
    const registry = await start();
    registry.intercept((_, response) => {
      response.writeHead(429, { 'retry-after': '3600' }).end();
      return true;
    });
    const { repository, waits } = connect(registry);
    await expect(repository.manifest('1')).rejects.toThrow(
      expect.objectContaining({ code: 'rate_limited', retryAfter: 3600, retryable: true }),
    );
    expect(waits).toEqual([]);
  });

  test('a connection that breaks is made again, one that is refused is not', async () => {
    const registry = await start();
    await addImage(registry, 'team/app', '1');
    registry.interceptTimes(2, isManifest, (_, response) => !!response.destroy());
    const { repository, waits } = connect(registry);
    await repository.manifest('1');
    expect(waits).toHaveLength(2);
    const gone = await start();
    const { repository: none, waits: noWaits } = connect(gone);
    await gone[Symbol.asyncDispose]();
    open.splice(open.indexOf(gone), 1);
    await expect(none.manifest('1')).rejects.toThrow(expect.objectContaining({ code: 'unreachable', retryable: true }));
    expect(noWaits).toEqual([]);
  });

  test('there is an end to it', async () => {
    const registry = await start();
    registry.intercept((_, response) => !!response.writeHead(500).end());
    const { repository, waits } = connect(registry);
    await expect(repository.manifest('1')).rejects.toThrow(
      expect.objectContaining({ code: 'registry_failed', status: 500, retryable: true }),
    );
    expect(waits).toHaveLength(4);
  });

  test('warnings are told once each', async () => {
    const registry = await start();
    await addImage(registry, 'team/app', '1');
    registry.intercept((_, response) => {
      response.setHeader('warning', '299 - "this \\"tag\\" goes away", 299 - "second", 199 x "not for users"');
      return false;
    });
    const { repository, warnings } = connect(registry);
    await repository.manifest('1');
    await repository.manifest('1');
    expect(warnings).toEqual(['this "tag" goes away', 'second']);
  });
});

describe('authorisation', () => {
  const bearer = (more: object = {}) => ({
    scheme: 'bearer' as const,
    users: ['ann:p:w', ''],
    tokens: new Set<string>(),
    ...more,
  });
  const tokenRequests = (registry: FakeRegistry) => registry.seen('/token');

  test('basic credentials are sent after the challenge, then at once', async () => {
    const registry = await start({ auth: { scheme: 'basic', users: ['ann:p:w'], tokens: new Set() } });
    await addImage(registry, 'team/app', '1');
    const { repository } = connect(registry, { credential: basic });
    await repository.manifest('1');
    await repository.manifest('1');
    expect(registry.requests.map(({ headers }) => headers.authorization !== undefined)).toEqual([false, true, true]);
  });

  test('an anonymous token is fetched once for many requests', async () => {
    const registry = await start({ auth: bearer() });
    await addImage(registry, 'team/app', '1');
    const { repository } = connect(registry);
    await Promise.all(Array.from({ length: 8 }, () => repository.manifest('1')));
    await repository.manifest('1');
    expect(tokenRequests(registry)).toHaveLength(1);
    expect(tokenRequests(registry)[0]!.query.getAll('scope')).toEqual(['repository:team/app:pull']);
    expect(tokenRequests(registry)[0]!.query.get('service')).toBe('fake');
    expect(tokenRequests(registry)[0]!.headers.authorization).toBeUndefined();
  });

  test('a token is not used by another credential or for another repository', async () => {
    const registry = await start({ auth: bearer() });
    await addImage(registry, 'team/app', '1');
    await addImage(registry, 'team/other', '1');
    const { repository, client } = connect(registry);
    await repository.manifest('1');
    await client.repository({ registry: registry.host, repository: 'team/app' }, basic).manifest('1');
    await client.repository({ registry: registry.host, repository: 'team/other' }).manifest('1');
    expect(tokenRequests(registry)).toHaveLength(3);
  });

  test('a token is renewed shortly before it ends', async () => {
    const registry = await start({ auth: bearer({ expiresIn: 60 }) });
    await addImage(registry, 'team/app', '1');
    let now = 0;
    const { repository } = connect(registry, { now: () => now });
    await repository.manifest('1');
    now = 49_000;
    await repository.manifest('1');
    expect(tokenRequests(registry)).toHaveLength(1);
    now = 51_000;
    await repository.manifest('1');
    expect(tokenRequests(registry)).toHaveLength(2);
  });

  test('an identity token goes by POST', async () => {
    const registry = await start({ auth: bearer({ users: [], identityTokens: ['id'] }) });
    await addImage(registry, 'team/app', '1');
    await connect(registry, { credential: { kind: 'identity', identityToken: 'id' } }).repository.manifest('1');
    expect(tokenRequests(registry)[0]!.method).toBe('POST');
  });

  test('401 in the middle of a blob gets a new token, and the blob goes on', async () => {
    const tokens = new Set<string>();
    const registry = await start({ auth: bearer({ tokens }) });
    const content = noiseOf(100_000);
    const descriptor = registry.addBlob(content);
    const { repository } = connect(registry);
    await repository.hasBlob(descriptor.digest);
    registry.interceptTimes(
      1,
      (request) => isBlob(request) && request.method === 'GET',
      (_, response) => {
        tokens.clear();
        response.writeHead(200, { 'content-length': content.length });
        response.write(content.subarray(0, 50_000), () => setImmediate(() => response.destroy()));
        return true;
      },
    );
    expect((await collect(await repository.blob(descriptor))).equals(content)).toBe(true);
    expect(tokenRequests(registry)).toHaveLength(2);
  });

  test.each([
    ['wrong credentials', { ...basic, password: 'wrong' } as Credential],
    ['no credentials', undefined],
  ])('%s end in one clear error', async (_, credential) => {
    const registry = await start({ auth: bearer({ users: ['ann:p:w'] }) });
    await expect(connect(registry, credential ? { credential } : {}).repository.manifest('1')).rejects.toThrow(
      expect.objectContaining({ code: 'unauthorized', retryable: false }),
    );
    expect(tokenRequests(registry)).toHaveLength(1);
  });

  test('a registry that refuses every token is asked twice, not for ever', async () => {
    const registry = await start({ auth: bearer() });
    registry.intercept((request, response) => {
      if (!isManifest(request)) return false;
      response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${registry.host}/token"` }).end();
      return true;
    });
    await expect(connect(registry).repository.manifest('1')).rejects.toThrow(
      expect.objectContaining({ code: 'unauthorized' }),
    );
    expect(registry.seen('/manifests/')).toHaveLength(2);
  });

  test('a hostile realm gets no credentials', async () => {
    let asked = 0;
    const thief = createServer((_, response) => {
      asked++;
      response.end('{"token":"x"}');
    });
    await new Promise<void>((resolve) => thief.listen(0, '127.0.0.2', resolve));
    onTestFinished(() => void thief.close());
    const realm = `http://127.0.0.2:${(thief.address() as AddressInfo).port}/token`;
    const registry = await start({ auth: bearer({ realm }) });
    await expect(connect(registry, { credential: basic }).repository.manifest('1')).rejects.toThrow(
      expect.objectContaining({ code: 'realm_refused' }),
    );
    expect(asked).toBe(0);
  });
});

describe('redirects', () => {
  test('to another origin carry no credentials, within it they do', async () => {
    const storage = await start();
    const registry = await start({ auth: { scheme: 'basic', users: ['ann:p:w'], tokens: new Set() } });
    const content = noiseOf(1000);
    const descriptor = storage.addBlob(content);
    registry.addBlob(content);
    const { repository } = connect(registry, { credential: basic });
    registry.intercept((request, response) => {
      if (!isBlob(request) || request.query.has('moved') || request.headers.authorization === undefined) return false;
      const target = request.query.has('here') ? `http://${storage.host}${request.path}` : `${request.path}?here`;
      return !!response.writeHead(307, { location: target }).end();
    });
    expect((await collect(await repository.blob(descriptor))).equals(content)).toBe(true);
    expect(
      registry
        .seen('/blobs/')
        .filter(({ headers }) => headers.authorization)
        .map(({ query }) => query.has('here')),
    ).toEqual([false, true]);
    expect(storage.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  test('credentials that were left behind do not come back', async () => {
    const registry = await start({ auth: { scheme: 'basic', users: ['ann:p:w'], tokens: new Set() } });
    const other = await start();
    other.intercept(
      (_, response) => !!response.writeHead(302, { location: `http://${registry.host}/v2/team/app/blobs/back` }).end(),
    );
    const descriptor = registry.addBlob(noiseOf(10));
    registry.intercept(
      (request, response) =>
        request.headers.authorization !== undefined &&
        isBlob(request) &&
        !!response.writeHead(302, { location: `http://${other.host}/x` }).end(),
    );
    await expect(connect(registry, { credential: basic }).repository.blob(descriptor)).rejects.toThrow(
      expect.objectContaining({ code: 'unauthorized' }),
    );
    expect(registry.seen('/blobs/back').every(({ headers }) => headers.authorization === undefined)).toBe(true);
  });

  test.each([
    ['in a circle', (registry: FakeRegistry) => `http://${registry.host}/v2/team/app/blobs/sha`, 'more than 5'],
    ['to a file', () => 'file:///etc/passwd', 'not an http'],
  ])('%s are refused', async (_, location, why) => {
    const registry = await start();
    const descriptor = registry.addBlob(noiseOf(10));
    registry.intercept((__, response) => !!response.writeHead(302, { location: location(registry) }).end());
    await expect(connect(registry).repository.blob(descriptor)).rejects.toThrow(
      expect.objectContaining({ code: 'redirect_refused', message: expect.stringContaining(why) }),
    );
  });
});

describe('mirrors and proxies', () => {
  test('a mirror is asked first and by its own credentials; what it lacks comes from the registry', async () => {
    const mirror = await start();
    const registry = await start({ auth: { scheme: 'basic', users: ['ann:p:w'], tokens: new Set() } });
    const image = await addImage(registry, 'team/app', '1');
    const blob = mirror.addBlob(noiseOf(100));
    const { repository } = connect(registry, {
      credential: basic,
      hosts: { [registry.host]: { plainHttp: true, mirrors: [{ url: `http://${mirror.host}` }] } },
    });
    expect((await repository.manifest('1')).descriptor.digest).toBe(image.digest);
    await collect(await repository.blob(blob));
    expect(mirror.requests.map(({ query }) => query.get('ns'))).toEqual([registry.host, registry.host]);
    expect(mirror.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true);
    expect(registry.seen('/blobs/')).toHaveLength(0);
  });

  test('a mirror that may not resolve is not asked for tags, and one that is wrong is passed over', async () => {
    const mirror = await start();
    const registry = await start();
    const { digest } = await addImage(registry, 'team/app', '1');
    mirror.intercept((_, response) => !!response.writeHead(200, { 'content-type': mediaTypes.manifest }).end('{}'));
    const { repository } = connect(registry, {
      hosts: {
        [registry.host]: {
          plainHttp: true,
          mirrors: [{ url: `http://${mirror.host}/prefix`, capabilities: ['pull'] }],
        },
      },
    });
    await repository.manifest('1');
    expect(mirror.requests).toHaveLength(0);
    await repository.manifest(digest);
    expect(mirror.requests.map(({ path }) => path)).toEqual([`/prefix/v2/team/app/manifests/${digest}`]);
  });

  test("the environment's proxy is used, and never for loopback", async () => {
    const registry = await start();
    await addImage(registry, 'team/app', '1');
    const proxy = await start();
    proxy.intercept((_, response) => !!response.writeHead(418).end());
    const environment = { HTTP_PROXY: `http://${proxy.host}` };
    await connect(registry, { environment }).repository.manifest('1');
    expect(proxy.requests).toHaveLength(0);
    const client = createRegistryClient({ environment, hosts: { 'registry.example': { plainHttp: true } } });
    open.push(client);
    await expect(client.repository({ registry: 'registry.example', repository: 'a' }).manifest('1')).rejects.toThrow();
    expect(proxy.requests.length + proxy.connects).toBeGreaterThan(0);
  });
});
