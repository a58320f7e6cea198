// The `wigeon` command as a few files that need nothing but Node.
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildAgentAssets } from '@wigeon/agent/assets';
import { build, type Plugin } from 'esbuild';

/** Content by file name; all in one folder. */
export type ProgramFiles = ReadonlyMap<string, Uint8Array>;

/** The file to start. */
export const programEntry = 'wigeon.mjs';

const main = fileURLToPath(import.meta.resolve('@wigeon/cli'));
/** What only commands of a developer's machine need; the image has neither a browser nor sources to bundle. */
const absent = ['esbuild', 'playwright-core'];
// Packages in CommonJS ask for `require`.
const banner = `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`;

/** Bundles the command with its workers, and the files that a node serves to browsers (`agent-assets.json`). */
export async function bundleProgram(): Promise<ProgramFiles> {
  const files = new Map<string, Uint8Array>();
  const waiting = new Map([[programEntry, main]]);
  for (const [name, entry] of waiting) {
    files.set(name, await bundle(entry, (worker) => waiting.set(workerFile(worker), worker)));
  }
  files.set('agent-assets.json', await packedAgentAssets());
  return files;
}

async function bundle(entry: string, onWorker: (file: string) => void): Promise<Uint8Array> {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    // Names stay for stack traces; only space goes.
    minifyWhitespace: true,
    keepNames: true,
    legalComments: 'none',
    logLevel: 'silent',
    // Without it comments hold paths that depend on where the checkout lies.
    absWorkingDir: join(dirname(main), '..', '..', '..'),
    banner: { js: banner },
    plugins: [workers(onWorker), stubs],
  });
  return result.outputFiles[0]!.contents;
}

/** Points `new URL('./x.worker.ts', import.meta.url)` to the bundle of that worker, and asks for it. */
function workers(onWorker: (file: string) => void): Plugin {
  return {
    name: 'workers',
    setup({ onLoad }) {
      onLoad({ filter: /\/packages\/\w[\w-]*\/src\/.*\.ts$/ }, async ({ path }) => {
        const contents = (await readFile(path, 'utf8')).replace(
          /new Worker\(\s*new URL\('(\.[^']+\.ts)', import\.meta\.url\)/g,
          (_all, relative: string) => {
            const worker = join(dirname(path), relative);
            onWorker(worker);
            return `new Worker(new URL('./${workerFile(worker)}', import.meta.url)`;
          },
        );
        return { contents, loader: 'ts' };
      });
    },
  };
}

function workerFile(source: string): string {
  return basename(source).replace(/\.ts$/, '.mjs');
}

const stubs: Plugin = {
  name: 'stubs',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: new RegExp(`^(${absent.join('|')})$`) }, ({ path }) => ({ path, namespace: 'absent' }));
    onLoad({ filter: /.*/, namespace: 'absent' }, ({ path }) => ({
      contents: `module.exports = new Proxy({}, { get(_, name) {
        if (name === '__esModule') return true;
        throw new Error('${path} is not part of the container image');
      } });`,
    }));
  },
};

/** The form that the command `node` reads (packages/cli/src/commands/node.ts). */
async function packedAgentAssets(): Promise<Uint8Array> {
  const assets = [...(await buildAgentAssets())].map(([path, { body, ...rest }]) => [
    path,
    { ...rest, body: Buffer.from(body).toString('base64') },
  ]);
  return Buffer.from(JSON.stringify(assets));
}
