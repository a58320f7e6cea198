import { addImage, digestOf, emptyModule, moduleOfSize, noiseOf } from '@wigeon/oci-client/test';
import { describe, expect, test } from 'vitest';
import { contentOf, place, request } from './fixtures/place.ts';

describe('garbage collection', () => {
  test('removes what was of use longest ago down to the low mark, and never what is in use or young', async () => {
    let now = 1_000_000;
    const { registry, store } = await place({ now: () => now });
    const bundles = new Map<string, string>();
    for (const name of ['a', 'b', 'c', 'd']) {
      await addImage(registry, name, '1', {
        layers: [[{ name: 'app.wasm', content: moduleOfSize(100_000, name.charCodeAt(0)) }]],
      });
      bundles.set(name, (await store.ensure(request(registry, `${name}:1`))).bundle.imageId);
      now += 60_000;
    }
    await store.ensure(request(registry, 'b:1'));
    now += 150_000;
    const watermarks = { high: 300_000, low: 450_000, minimumAge: 120_000 };
    expect((await store.collectGarbage({ ...watermarks, high: 10_000_000 }, new Set())).before).toBeGreaterThan(
      800_000,
    );
    const { after } = await store.collectGarbage(watermarks, new Set([bundles.get('a')!]));
    expect(after).toBeLessThanOrEqual(450_000);
    expect(
      store
        .list()
        .flatMap(({ names }) => names.map((name) => name.split('/')[1]))
        .filter((name) => name!.includes(':1'))
        .sort(),
    ).toEqual(['a:1', 'b:1']);
    // What is gone comes again when asked for.
    expect((await store.ensure(request(registry, 'c:1'))).pulled?.transferred).toBeGreaterThan(100_000);
    expect((await store.collectGarbage({ high: 0, low: 0, minimumAge: 120_000 }, new Set())).after).toBeGreaterThan(
      100_000,
    );
  });

  test('keeps the layers that images share', async () => {
    let now = 1_000_000;
    const { registry, store } = await place({ now: () => now });
    const base = [{ name: 'base', content: noiseOf(100_000) }];
    await addImage(registry, 'one', '1', { layers: [base, [{ name: 'app.wasm', content: emptyModule }]] });
    await addImage(registry, 'two', '1', { layers: [base, [{ name: 'app.wasm', content: moduleOfSize(10) }]] });
    await store.ensure(request(registry, 'one:1'));
    now += 1000;
    const two = await store.ensure(request(registry, 'two:1'));
    now += 1_000_000;
    await store.collectGarbage({ high: 0, low: 0 }, new Set([two.bundle.imageId]));
    expect((await contentOf(store, digestOf(noiseOf(100_000)))).length).toBe(100_000);
    expect(store.list()).toHaveLength(1);
  });
});
