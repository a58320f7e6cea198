// Builds the image of the node: node packages/release/src/main.ts IMAGE [--output FILE.tar] [--push] [--plain-http HOST]
import { writeFile } from 'node:fs/promises';
import { pushImage } from '@wigeon/oci-client';
import { Command } from 'commander';
import { buildNodeImage, ociLayout } from './index.ts';

await new Command('release')
  .description("builds the node's container image")
  .argument('<image>', 'its name, such as registry.example/wigeon:0.1.0')
  .option('--output <file>', 'write it as an OCI layout in a tar archive')
  .option('--push', 'push it to its registry')
  .option('--plain-http <host...>', 'registries (HOST or HOST:PORT) without TLS', [])
  .action(async (name: string, options: { output?: string; push?: boolean; plainHttp: string[] }) => {
    const image = await buildNodeImage();
    if (options.output) await writeFile(options.output, await ociLayout(image, name));
    if (options.push) await pushImage(image, name, { plainHttp: options.plainHttp });
    console.log(image.descriptor.digest);
  })
  .parseAsync();
