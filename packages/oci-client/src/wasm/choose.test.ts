// The table of docs/images.md: each shape in which Wasm is shipped, and what is taken from it.
import { readFileSync } from 'node:fs';
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
  readonly platform: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly takes: string;
}

/** The rows of the table in docs/images.md: what is promised there is what is tested here. */
function documentedShapes(): ShapeCase[] {
  const text = readFileSync(new URL('../../../../docs/images.md', import.meta.url), 'utf8');
  const [, table = ''] = /<!-- shapes -->([\s\S]*?)<!-- \/shapes -->/.exec(text) ?? [];
  const codes = (cell: string): string[] => [...cell.matchAll(/`([^`]*)`/g)].map(([, code]) => code!);
  const pairs = (words: readonly string[]): Record<string, string> =>
    Object.fromEntries(words.map((word) => word.split('=')));
  return table
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) => {
      const [, name, config, layers, platform, marks, takes] = line.split('|').map((cell) => cell.trim()) as string[];
      const labels = codes(marks!.replace(/(?<!label )`[^`]*`/g, ''));
      return {
        name: name!,
        config: codes(config!)[0]!,
        layers: codes(layers!),
        platform: codes(platform!)[0] ?? '',
        annotations: pairs(codes(marks!.replace(/label `[^`]*`/g, ''))),
        labels: pairs(labels),
        takes: takes!,
      };
    });
}

const shapes = documentedShapes();

test('the table of docs/images.md is there', () => {
  expect(shapes.length).toBeGreaterThan(20);
});

test.each(shapes)('$name: $takes', ({ config, layers, platform, labels, annotations, takes }) => {
  const digest = `sha256:${'0'.repeat(64)}`;
  const manifest = parseManifest(
    json({
      config: { mediaType: config, digest, size: 2 },
      layers: layers.map((mediaType) => ({ mediaType, digest, size: 1 })),
    }),
    mediaTypes.manifest,
  );
  if (manifest.kind !== 'manifest') throw new Error('not a manifest');
  const [os, architecture] = platform.split('/');
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
