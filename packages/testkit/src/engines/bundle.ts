import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { build } from 'esbuild';

export interface Bundle {
  /** The program as one ES module without imports, but for Node's own modules. */
  readonly code: string;
  /** Digest of the code, for its address. */
  readonly id: string;
}

const bundles = new Map<string, Promise<Bundle>>();

/** The module at `path` bundled with the worker's side of a call; bundled once per process. */
export function bundleForWorker(path: string): Promise<Bundle> {
  const worker = join(import.meta.dirname, 'engine.worker.ts');
  return bundle(
    `import main from ${JSON.stringify(path)}; import { serve } from ${JSON.stringify(worker)}; serve(main);`,
  );
}

/** The page that runs workers. */
export function bundleForPage(): Promise<Bundle> {
  return bundle(`import ${JSON.stringify(join(import.meta.dirname, 'host.page.ts'))};`);
}

function bundle(entry: string): Promise<Bundle> {
  const known = bundles.get(entry);
  if (known) return known;
  const made = build({
    stdin: { contents: entry, resolveDir: import.meta.dirname, loader: 'ts' },
    bundle: true,
    write: false,
    format: 'esm',
    // One bundle for browsers and Node: code that needs a Node module imports it at run time, behind a check.
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['import', 'module'],
    external: ['node:*'],
    target: 'es2024',
    sourcemap: 'inline',
    logLevel: 'silent',
  }).then(({ outputFiles }) => {
    const code = outputFiles[0]?.text ?? '';
    return { code, id: createHash('sha256').update(code).digest('hex') };
  });
  bundles.set(entry, made);
  // A module that did not build may build after an edit, in watch mode.
  made.catch(() => bundles.delete(entry));
  return made;
}
