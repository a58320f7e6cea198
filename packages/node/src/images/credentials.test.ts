import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addImage, type FakeRegistry } from '@wigeon/oci-client/test';
import { describe, expect, test } from 'vitest';
import { failure, place, request } from './fixtures/place.ts';
import type { PullSecret } from './index.ts';

describe('credentials', () => {
  const users = (...names: string[]) => ({
    auth: { auth: { scheme: 'basic' as const, users: names.map((name) => `${name}:pw`), tokens: new Set<string>() } },
  });
  const secret = (registry: FakeRegistry, ...names: string[]): PullSecret[] =>
    names.map((name) => ({
      type: 'kubernetes.io/dockerconfigjson',
      data: { '.dockerconfigjson': JSON.stringify({ auths: { [registry.host]: { auth: btoa(`${name}:pw`) } } }) },
    }));

  test('all that match are tried', async () => {
    const { registry, store } = await place(users('ann'));
    await addImage(registry, 'app', '1');
    expect((await failure(store.ensure(request(registry)))).code).toBe('ErrImagePull');
    await store.ensure(request(registry, 'app:1', { secrets: secret(registry, 'rotated', 'ann') }));
  });

  test('secrets of other types and without data are passed over; one that is not JSON is told', async () => {
    const { registry, store } = await place(users('ann'));
    await addImage(registry, 'app', '1');
    const odd: PullSecret[] = [
      { type: 'Opaque', data: { '.dockerconfigjson': '!' } },
      { type: 'kubernetes.io/dockerconfigjson', data: {} },
    ];
    await store.ensure(request(registry, 'app:1', { secrets: [...odd, ...secret(registry, 'ann')] }));
    const broken: PullSecret[] = [{ type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': '!' } }];
    expect((await failure(store.ensure(request(registry, 'app:1', { secrets: broken })))).message).toContain(
      'not JSON',
    );
  });

  test('an image pulled with a secret is not handed to a pod without one (KEP-2535)', async () => {
    const { registry, store, reopen } = await place(users('ann', 'bob'));
    await addImage(registry, 'app', '1');
    const ann = secret(registry, 'ann');
    await store.ensure(request(registry, 'app:1', { secrets: ann }));
    expect((await failure(store.ensure(request(registry)))).code).toBe('ErrImagePull');
    expect((await failure(store.ensure(request(registry, 'app:1', { secrets: secret(registry, 'eve') })))).code).toBe(
      'ErrImagePull',
    );
    expect((await failure(store.ensure(request(registry, 'app:1', { pullPolicy: 'Never' })))).code).toBe(
      'ErrImageNeverPull',
    );
    // One who may have it is asked about once, and nothing is transferred.
    const bob = request(registry, 'app:1', { secrets: secret(registry, 'bob') });
    expect((await store.ensure(bob)).pulled?.transferred).toBe(0);
    expect((await store.ensure(bob)).pulled).toBeNull();
    const later = await reopen();
    expect((await later.ensure(request(registry, 'app:1', { secrets: ann }))).pulled).toBeNull();
    expect((await failure(later.ensure(request(registry)))).code).toBe('ErrImagePull');
  });

  test("a registry that claims the digest of another's image does not get it handed out", async () => {
    const { registry, store } = await place(users('ann'));
    const { digest } = await addImage(registry, 'private', '1');
    await store.ensure(request(registry, 'private:1', { secrets: secret(registry, 'ann') }));
    registry.intercept(({ path, method }, response) => {
      if (!path.startsWith('/v2/evil/')) return false;
      response.writeHead(method === 'HEAD' ? 200 : 404, { 'docker-content-digest': digest });
      response.end();
      return true;
    });
    expect((await failure(store.ensure(request(registry, 'evil:1')))).code).toBe('ErrImagePull');
  });

  test('secrets are not on the disk', async () => {
    const { registry, store, directory } = await place({
      auth: { auth: { scheme: 'basic', users: ['ann:very-secret'], tokens: new Set() } },
    });
    await addImage(registry, 'app', '1');
    const data = {
      '.dockerconfigjson': JSON.stringify({ auths: { [registry.host]: { username: 'ann', password: 'very-secret' } } }),
    };
    await store.ensure(request(registry, 'app:1', { secrets: [{ type: 'kubernetes.io/dockerconfigjson', data }] }));
    for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
      if (entry.isFile())
        expect((await readFile(join(entry.parentPath, entry.name))).includes('very-secret')).toBe(false);
    }
  });
});
