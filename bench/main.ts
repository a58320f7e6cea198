// `pnpm bench NAME [ARGS…]`: each benchmark is the file of its name, which exports `run(args)`.
import { globSync } from 'node:fs';
import { basename } from 'node:path';

const names = globSync('*.bench.ts', { cwd: import.meta.dirname }).map((file) => basename(file, '.bench.ts'));
const [name, ...args] = process.argv.slice(2);
if (!name || !names.includes(name)) {
  console.error(`usage: pnpm bench NAME [ARGS…]; benchmarks: ${names.sort().join(', ')}`);
  process.exit(2);
}
const benchmark = (await import(`./${name}.bench.ts`)) as { run(args: readonly string[]): Promise<void> };
await benchmark.run(args);
