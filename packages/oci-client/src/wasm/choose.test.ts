// The table of docs/images.md: each shape in which Wasm is shipped, and what is taken from it.
import { describe, expect, test } from 'vitest';
import { FileTree } from '../layers/file-tree.ts';
import type { TreeEntry } from '../layers/layer-entry.ts';
import { parseImageConfig, parseManifest } from '../manifest.ts';
import { isImageConfigType, mediaTypes } from '../media-types.ts';
import { chooseSource } from './choose-source.ts';
import { findEntry } from './find-entry.ts';

interface ShapeCase {
  readonly name: string;
  readonly config: string;
  readonly layers: readonly string[];
  readonly platform?: string;
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string>;
  readonly takes: string;
}

const shapes: readonly ShapeCase[] = [
  {
    name: 'root file system, wasip1/wasm',
    config: mediaTypes.config,
    layers: [mediaTypes.layerGzip],
    platform: 'wasip1/wasm',
    takes: 'A files',
  },
  {
    name: 'root file system, wasi/wasm',
    config: mediaTypes.config,
    layers: [mediaTypes.layerZstd],
    platform: 'wasi/wasm',
    takes: 'A files',
  },
  {
    name: 'root file system, wasi/wasm32',
    config: mediaTypes.config,
    layers: [mediaTypes.layerTar],
    platform: 'wasi/wasm32',
    takes: 'A files',
  },
  {
    name: 'the same in Docker types',
    config: mediaTypes.dockerConfig,
    layers: ['application/vnd.docker.image.rootfs.diff.tar.gzip'],
    platform: 'wasi/wasm',
    takes: 'A files',
  },
  {
    name: 'non-distributable layers',
    config: mediaTypes.config,
    layers: ['application/vnd.oci.image.layer.nondistributable.v1.tar+gzip'],
    platform: 'wasi/wasm',
    takes: 'A files',
  },
  {
    name: 'compat image',
    config: mediaTypes.config,
    layers: [mediaTypes.layerGzip],
    platform: 'linux/amd64',
    annotations: { 'module.wasm.image/variant': 'compat' },
    takes: 'B files',
  },
  {
    name: 'compat-smart image (crun)',
    config: mediaTypes.config,
    layers: [mediaTypes.layerGzip],
    platform: 'linux/amd64',
    annotations: { 'module.wasm.image/variant': 'compat-smart' },
    takes: 'B files',
  },
  {
    name: 'annotated for crun',
    config: mediaTypes.config,
    layers: [mediaTypes.layerGzip],
    platform: 'linux/arm64',
    annotations: { 'run.oci.handler': 'wasm' },
    takes: 'B files',
  },
  {
    name: 'linux without annotation',
    config: mediaTypes.config,
    layers: [mediaTypes.layerGzip],
    platform: 'linux/amd64',
    takes: 'no_wasm',
  },
  { name: 'no platform at all', config: mediaTypes.config, layers: [mediaTypes.layerGzip], takes: 'no_wasm' },
  {
    name: 'runwasi layer',
    config: mediaTypes.config,
    layers: [mediaTypes.wasm],
    platform: 'wasi/wasm',
    takes: 'C layer 0',
  },
  {
    name: 'runwasi component layer',
    config: mediaTypes.config,
    layers: ['application/vnd.bytecodealliance.wasm.component.layer.v0+wasm'],
    platform: 'wasi/wasm',
    takes: 'C layer 0',
  },
  {
    name: 'runwasi with files before the module',
    config: mediaTypes.config,
    layers: [mediaTypes.layerGzip, mediaTypes.wasm],
    platform: 'wasi/wasm',
    takes: 'C layer 1',
  },
  {
    name: 'Wasm layer under a linux config',
    config: mediaTypes.config,
    layers: [mediaTypes.wasm],
    platform: 'linux/amd64',
    takes: 'unsupported_media_type',
  },
  {
    name: 'CNCF Wasm artifact',
    config: mediaTypes.wasmConfig,
    layers: [mediaTypes.wasm],
    platform: 'wasip1/wasm',
    takes: 'D layer 0',
  },
  {
    name: 'CNCF artifact of several layers',
    config: mediaTypes.wasmConfig,
    layers: [mediaTypes.wasm, mediaTypes.wasm],
    platform: 'wasip2/wasm',
    takes: 'D layer 0',
  },
  {
    name: 'wasm-to-oci',
    config: 'application/vnd.wasm.config.v1+json',
    layers: ['application/vnd.wasm.content.layer.v1+wasm'],
    takes: 'E layer 0',
  },
  {
    name: 'wasmCloud actor',
    config: 'application/vnd.wasmcloud.actor.archive.config',
    layers: ['application/vnd.module.wasm.content.layer.v1+wasm'],
    takes: 'E layer 0',
  },
  { name: 'empty config', config: mediaTypes.empty, layers: [mediaTypes.wasm], takes: 'E layer 0' },
  {
    name: 'Spin application',
    config: mediaTypes.config,
    layers: ['application/vnd.wasm.content.layer.v1+wasm'],
    platform: 'Wasip1/wasm',
    labels: { 'com.fermyon.spin.lockedAppDigest': 'x' },
    takes: 'spin_application',
  },
  {
    name: 'Spin by its layer',
    config: mediaTypes.config,
    layers: ['application/vnd.fermyon.spin.application.v1+config', mediaTypes.wasm],
    platform: 'Wasip1/wasm',
    takes: 'spin_application',
  },
  {
    name: 'another artifact',
    config: 'application/vnd.cncf.helm.config.v1+json',
    layers: ['application/vnd.cncf.helm.chart.content.v1.tar+gzip'],
    takes: 'no_wasm',
  },
  {
    name: 'a layer of an unknown type',
    config: mediaTypes.config,
    layers: [mediaTypes.layerGzip, 'application/x'],
    platform: 'wasi/wasm',
    takes: 'unsupported_media_type',
  },
];

test.each(shapes)('$name: $takes', ({ config, layers, platform, labels, annotations = {}, takes }) => {
  const digest = `sha256:${'0'.repeat(64)}`;
  const manifest = parseManifest(
    json({
      config: { mediaType: config, digest, size: 2 },
      layers: layers.map((mediaType) => ({ mediaType, digest, size: 1 })),
    }),
    mediaTypes.manifest,
  );
  if (manifest.kind !== 'manifest') throw new Error('not a manifest');
  const [os, architecture] = platform?.split('/') ?? [];
  const parsed = isImageConfigType(config)
    ? parseImageConfig(json({ os, architecture, config: { Labels: labels } }))
    : undefined;
  const result = (() => {
    try {
      const source = chooseSource(manifest, parsed, annotations);
      return `${source.shape} ${source.from === 'files' ? 'files' : `layer ${manifest.layers.indexOf(source.layer)}`}`;
    } catch (error) {
      return (error as { code: string }).code;
    }
  })();
  expect(result).toBe(takes);
});

describe('the module in a root file system', () => {
  const files = (...paths: string[]) =>
    FileTree.fromEntries(
      paths.map((path): TreeEntry => {
        const [name, target] = path.split(' -> ');
        const common = { path: name!, mode: 0o644, mtime: 0 };
        return target
          ? { ...common, type: 'symlink', target }
          : { ...common, type: 'file', size: 8, digest: `sha256:${'0'.repeat(64)}` };
      }),
    );
  const image = { entrypoint: [] as string[], cmd: [] as string[], env: [] as string[], workingDir: '/' };

  test.each([
    ['an absolute entrypoint', files('app.wasm'), { entrypoint: ['/app.wasm'] }, 'app.wasm'],
    [
      'relative to WorkingDir',
      files('srv/bin/app.wasm'),
      { entrypoint: ['bin/app.wasm'], workingDir: '/srv' },
      'srv/bin/app.wasm',
    ],
    ['./ and .. in it', files('srv/app.wasm'), { entrypoint: ['./x/../app.wasm'], workingDir: '/srv/' }, undefined],
    ['by the default PATH', files('usr/bin/app'), { entrypoint: ['app'] }, 'usr/bin/app'],
    [
      "by the image's PATH, in its order",
      files('a/app', 'b/app'),
      { entrypoint: ['app'], env: ['PATH=/b:/a'] },
      'b/app',
    ],
    [
      'without a slash and not in PATH: in WorkingDir',
      files('srv/app.wasm'),
      { entrypoint: ['app.wasm'], workingDir: '/srv' },
      'srv/app.wasm',
    ],
    ['Cmd where there is no Entrypoint', files('app.wasm'), { cmd: ['/app.wasm', 'x'] }, 'app.wasm'],
    [
      "the pod's command before both",
      files('app.wasm', 'other.wasm'),
      { entrypoint: ['/app.wasm'], command: ['/other.wasm'] },
      'other.wasm',
    ],
    [
      'through a symbolic link',
      files('app -> lib/real.wasm', 'lib/real.wasm'),
      { entrypoint: ['/app'] },
      'lib/real.wasm',
    ],
    ['never out of the root', files('app -> ../../etc/passwd', 'etc/passwd'), { entrypoint: ['/app'] }, 'etc/passwd'],
    ['an exported function', files('app.wasm'), { entrypoint: ['/app.wasm#run'] }, 'app.wasm#run'],
    ['# as part of a name', files('a#b'), { entrypoint: ['/a#b'] }, 'a#b#_start'],
    ['plugin.wasm where nothing is named', files('plugin.wasm', 'x.wasm'), {}, 'plugin.wasm /plugin.wasm'],
    ['the only .wasm of the root', files('x.WASM', 'd/y.wasm', 'readme'), {}, 'x.WASM /x.WASM'],
    ['two of them', files('x.wasm', 'y.wasm'), {}, undefined],
    ['none', files('readme'), {}, undefined],
    ['a file that is not there', files('app.wasm'), { entrypoint: ['/missing'] }, undefined],
  ])('%s', (_, tree, request, expected) => {
    const find = () => {
      const { file, function: name, argv0 } = findEntry(tree, { ...image, ...request });
      return `${file.path}${name === '_start' && !file.path.includes('#') ? '' : `#${name}`}${argv0 ? ` ${argv0}` : ''}`;
    };
    if (expected === undefined) expect(find).toThrow(expect.objectContaining({ code: 'no_entrypoint' }));
    else expect(find()).toBe(expected);
  });
});

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
