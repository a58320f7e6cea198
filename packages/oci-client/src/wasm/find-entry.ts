import { OciError } from '../error.ts';
import type { FileTree } from '../layers/file-tree.ts';
import type { FileEntry } from '../layers/layer-entry.ts';

export interface EntryRequest {
  /** The pod's command, in place of the image's Entrypoint. */
  readonly command?: readonly string[] | undefined;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly env: readonly string[];
  readonly workingDir: string;
}

export interface EntryModule {
  readonly file: FileEntry;
  /** Exported function to call (`path#function`). */
  readonly function: string;
  /** argv[0], where neither pod nor image says it. */
  readonly argv0: string | undefined;
}

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The module's file in a root file system. The first word of command, Entrypoint or Cmd names it: with a slash a path
 * (relative to WorkingDir), without one looked for in `PATH` and then in WorkingDir. `path#function` names an export. If
 * nothing is named it is `/plugin.wasm` (the compat convention), else the only `*.wasm` of the root.
 *
 * @throws OciError `no_entrypoint`
 */
export function findEntry(tree: FileTree, request: EntryRequest): EntryModule {
  const word = [request.command, request.entrypoint, request.cmd].find((words) => words?.length)?.[0];
  if (word === undefined) return conventional(tree);
  const hash = word.lastIndexOf('#');
  const named = hash > 0 ? { path: word.slice(0, hash), function: word.slice(hash + 1) || '_start' } : undefined;
  // A file may have "#" in its name.
  for (const { path, function: name } of [{ path: word, function: '_start' }, ...(named ? [named] : [])]) {
    for (const candidate of candidates(path, request)) {
      const file = tree.file(candidate);
      if (file) return { file, function: name, argv0: undefined };
    }
  }
  throw new OciError(
    'no_entrypoint',
    `${JSON.stringify(word)} is to be started, and the image has no such file (looked for ${candidates(named?.path ?? word, request).join(', ')})`,
  );
}

function candidates(path: string, { env, workingDir }: EntryRequest): string[] {
  const inWorkingDir = path.startsWith('/') ? path : `${workingDir.replace(/\/+$/, '')}/${path}`;
  if (path.includes('/')) return [inWorkingDir];
  const search = env.findLast((pair) => pair.startsWith('PATH='))?.slice('PATH='.length) ?? DEFAULT_PATH;
  return [
    ...search.split(':').flatMap((directory) => (directory === '' ? [] : [`${directory}/${path}`])),
    inWorkingDir,
  ];
}

function conventional(tree: FileTree): EntryModule {
  const plugin = tree.file('plugin.wasm');
  if (plugin) return { file: plugin, function: '_start', argv0: '/plugin.wasm' };
  const atRoot = tree
    .entries()
    .filter(({ path, type }) => !path.includes('/') && type !== 'directory' && /\.wasm$/i.test(path));
  const only = atRoot.length === 1 ? tree.file(atRoot[0]!.path) : undefined;
  if (only) return { file: only, function: '_start', argv0: `/${atRoot[0]!.path}` };
  throw new OciError(
    'no_entrypoint',
    `the image names no entrypoint and has ${atRoot.length === 0 ? 'no .wasm file' : `${atRoot.length} .wasm files`} in its root`,
  );
}
