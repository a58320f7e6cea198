import { expect, test } from 'vitest';
import type { Descriptor, ImageIndex } from './manifest.ts';
import { mediaTypes } from './media-types.ts';
import { formatPlatform, rankPlatforms } from './platform.ts';

const entry = (platform?: string, annotations?: Record<string, string>): Descriptor => {
  const [os = '', architecture = ''] = platform?.split('/') ?? [];
  return {
    mediaType: mediaTypes.manifest,
    digest: `sha256:${'0'.repeat(64)}`,
    size: 1,
    ...(platform ? { platform: { os, architecture } } : {}),
    ...(annotations ? { annotations } : {}),
  };
};
const index = (...manifests: Descriptor[]): ImageIndex => ({
  kind: 'index',
  mediaType: mediaTypes.index,
  manifests,
  annotations: {},
});
const ranked = (list: ImageIndex, components = false, annotations = {}) =>
  rankPlatforms(list, { components, annotations }).map(({ platform }) =>
    platform ? formatPlatform(platform) : 'none',
  );

test('modules first, in the order wasip1, wasi, then what is left of Wasm; linux and attestations never', () => {
  const all = index(
    entry('linux/amd64'),
    entry('unknown/unknown', { 'vnd.docker.reference.type': 'attestation-manifest' }),
    entry('wasip2/wasm'),
    entry('js/wasm'),
    entry('wasi/wasm32'),
    entry('wasi/wasm'),
    entry('Wasip1/wasm'),
    entry('unknown/unknown'),
  );
  expect(ranked(all)).toEqual(['Wasip1/wasm', 'wasi/wasm32', 'wasi/wasm', 'js/wasm', 'wasip2/wasm']);
  expect(ranked(all, true)).toEqual(['Wasip1/wasm', 'wasi/wasm32', 'wasi/wasm', 'wasip2/wasm', 'js/wasm']);
});

test('linux counts if the pod, the index or the entry says it is Wasm', () => {
  const plain = index(entry('linux/amd64'), entry('linux/arm64'));
  expect(ranked(plain)).toEqual([]);
  expect(ranked(plain, false, { 'run.oci.handler': 'wasm' })).toEqual(['linux/amd64', 'linux/arm64']);
  expect(ranked({ ...plain, annotations: { 'module.wasm.image/variant': 'compat' } })).toEqual([
    'linux/amd64',
    'linux/arm64',
  ]);
  expect(
    ranked(index(entry('linux/amd64'), entry('linux/arm64', { 'module.wasm.image/variant': 'compat-smart' }))),
  ).toEqual(['linux/arm64']);
});

test('an entry without a platform is taken when nothing better is there', () => {
  expect(ranked(index(entry(), entry('wasi/wasm')))).toEqual(['wasi/wasm', 'none']);
});
