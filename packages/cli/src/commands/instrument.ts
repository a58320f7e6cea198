import { readFile, writeFile } from 'node:fs/promises';
import { instrument } from '@wigeon/suspend';
import { Command } from 'commander';

export function instrumentCommand(): Command {
  return new Command('instrument')
    .argument('<module>', 'a .wasm file')
    .requiredOption('-o, --output <file>', 'where the result goes')
    .action(async (file: string, { output }: { output: string }) => {
      const module = new Uint8Array(await readFile(file));
      const { bytes, functions, rewritten, sites } = instrument(module);
      await writeFile(output, bytes);
      const growth = (100 * (bytes.length / module.length - 1)).toFixed(1);
      console.error(
        `${functions} functions, ${rewritten} rewritten, ${sites} places to suspend; ${bytes.length} bytes (+${growth} %)`,
      );
    });
}
