import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import {
  collectFiles,
  imageFromModule,
  parseReference,
  pushImage,
  pushIndex,
  readDockerConfig,
} from '@wigeon/oci-client';
import { Command, InvalidArgumentError, Option } from 'commander';

interface Options {
  entrypoint?: readonly string[];
  env: readonly string[];
  add: readonly { directory: string; path: string }[];
  platform: string;
  as: 'image' | 'artifact';
  index?: boolean;
  plainHttp?: boolean;
}

export function pushCommand(): Command {
  return new Command('push')
    .argument('<sources...>', 'FILE.wasm REF, or with --index PART-REF… REF')
    .option('--entrypoint <words...>', 'argument vector of the image; the first word is the path of the module')
    .option('--env <name=value>', 'a variable of the image (repeatable)', collect, [])
    .option('--add <dir:path>', 'files to put into the image (repeatable)', addition, [])
    .option('--platform <os/arch>', 'platform of the image', 'wasip1/wasm')
    .addOption(
      new Option('--as <shape>', 'a rootfs image or a CNCF Wasm artifact')
        .choices(['image', 'artifact'])
        .default('image'),
    )
    .option('--index', 'join the images named first under the last name')
    .option('--plain-http', 'speak http to the registry (loopback registries always)')
    .action(async (sources: string[], options: Options) => {
      const reference = sources.pop();
      if (reference === undefined || sources.length === 0)
        throw new Error('push needs a source and a reference: wigeon push FILE.wasm REF');
      const parsed = parseReference(reference);
      const { registry } = parsed;
      const credential = (await readDockerConfig()).candidates(parsed)[0];
      const plainHttp =
        options.plainHttp || /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(registry) ? [registry] : [];
      const to = { plainHttp, ...(credential ? { credential } : {}) };
      const [file = ''] = sources;
      if (!options.index && sources.length > 1) throw new Error(`push takes one file; got ${sources.join(', ')}`);
      const pushed = options.index
        ? await pushIndex(sources, reference, to)
        : await pushImage(await image(file, options), reference, to);
      console.log(pushed.reference);
    });
}

async function image(file: string, options: Options): Promise<ReturnType<typeof imageFromModule>> {
  const module = new Uint8Array(await readFile(file));
  if (options.as === 'artifact') return imageFromModule(module, { as: 'artifact' });
  const path = options.entrypoint?.[0] ?? `/${basename(file)}`;
  const files = (
    await Promise.all(options.add.map(({ directory, path: below }) => collectFiles(directory, below)))
  ).flat();
  return imageFromModule(module, {
    path,
    entrypoint: options.entrypoint ?? [path],
    env: options.env,
    platform: options.platform,
    files,
  });
}

function collect(text: string, before: readonly string[]): string[] {
  if (!/^[^=]+=/.test(text)) throw new InvalidArgumentError('must be NAME=VALUE');
  return [...before, text];
}

function addition(
  text: string,
  before: readonly { directory: string; path: string }[],
): { directory: string; path: string }[] {
  const colon = text.lastIndexOf(':');
  const path = text.slice(colon + 1);
  if (colon < 1 || !path.startsWith('/')) throw new InvalidArgumentError('must be DIR:/PATH');
  return [...before, { directory: text.slice(0, colon), path }];
}
