import type { Digest } from '../digest.ts';
import { OciError } from '../error.ts';

interface Named {
  /** Relative to the root, without a leading or final slash; the root itself is ''. */
  readonly path: string;
}

interface Attributes extends Named {
  /** Permission bits. */
  readonly mode: number;
  /** Seconds since the epoch, with a fraction where the archive has one. */
  readonly mtime: number;
}

export interface FileEntry extends Attributes {
  readonly type: 'file';
  readonly size: number;
  readonly digest: Digest;
}

export interface DirectoryEntry extends Attributes {
  readonly type: 'directory';
}

export interface SymlinkEntry extends Attributes {
  readonly type: 'symlink';
  /** As written; an absolute one starts at the image's root. */
  readonly target: string;
}

/** What one layer says, in its order. */
export type LayerEntry =
  | FileEntry
  | DirectoryEntry
  | SymlinkEntry
  | (Named & { readonly type: 'hardlink'; readonly target: string })
  /** Hides a name of the layers below. */
  | (Named & { readonly type: 'whiteout' })
  /** Hides everything in this directory that is of the layers below. */
  | (Named & { readonly type: 'opaque' });

/** What is left when all layers are applied, sorted by path; parents come before their children. */
export type TreeEntry = FileEntry | DirectoryEntry | SymlinkEntry;

const LONGEST_PATH = 4096;
const LONGEST_NAME = 255;

/**
 * The path of a tar entry, relative to the image's root.
 *
 * @throws OciError `layer_path` for `..`, NUL and names that no file system takes
 */
export function normalizeEntryPath(name: string): string {
  const bad = (why: string): OciError =>
    new OciError('layer_path', `a layer has the path ${JSON.stringify(name.slice(0, 300))}: ${why}`);
  if (name.length > LONGEST_PATH) throw bad(`it is longer than ${LONGEST_PATH} characters`);
  if (name.includes('\0')) throw bad('it contains a zero byte');
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  for (const part of parts) {
    if (part === '..') throw bad('".." could leave the image');
    if (part.length > LONGEST_NAME) throw bad(`a name in it is longer than ${LONGEST_NAME} characters`);
  }
  return parts.join('/');
}

const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';

/** What a name means where it is one of image-spec's whiteouts (layer.md, "Whiteouts"); they never become files. */
export function parseWhiteout(path: string): LayerEntry | 'ignored' | undefined {
  const slash = path.lastIndexOf('/');
  const parent = slash < 0 ? '' : path.slice(0, slash);
  const base = path.slice(slash + 1);
  if (!base.startsWith(WHITEOUT)) return undefined;
  if (base === OPAQUE) return { type: 'opaque', path: parent };
  // AUFS bookkeeping, which old archives carry.
  if (base.startsWith('.wh..wh.')) return 'ignored';
  const hidden = base.slice(WHITEOUT.length);
  if (hidden === '' || hidden === '.' || hidden === '..') {
    throw new OciError(
      'layer_path',
      `a layer has the whiteout ${JSON.stringify(path.slice(0, 300))}, which names nothing`,
    );
  }
  return { type: 'whiteout', path: parent === '' ? hidden : `${parent}/${hidden}` };
}

/** Bookkeeping of eStargz that is no part of the file system. */
export function isTableOfContents(path: string): boolean {
  return path === 'stargz.index.json' || path === '.prefetch.landmark' || path === '.no.prefetch.landmark';
}
