import { pack } from 'tar-stream';

/** A file of a layer; without content and with a slash at the end it is a folder. */
export interface LayerFile {
  readonly path: string;
  readonly content?: Uint8Array;
  /** Permission bits; default 0o644 of files, 0o755 of folders. */
  readonly mode?: number;
}

/** A tar archive, the same bytes for the same files: sorted, owned by root, without times. */
export async function layerTar(files: readonly LayerFile[]): Promise<Uint8Array> {
  const entries = new Map<string, LayerFile>();
  for (const file of files) {
    const parts = file.path.split('/').slice(1, -1);
    for (let depth = 1; depth <= parts.length; depth++) {
      const parent = `${parts.slice(0, depth).join('/')}/`;
      if (!entries.has(parent)) entries.set(parent, { path: `/${parent}` });
    }
    entries.set(file.path.slice(1), file);
  }
  const out = pack();
  const chunks: Uint8Array[] = [];
  const collected = (async () => {
    for await (const chunk of out) chunks.push(chunk as Uint8Array);
  })();
  for (const [name, { content, mode }] of [...entries].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const common = { name, uid: 0, gid: 0, uname: '', gname: '', mtime: new Date(0) };
    if (content) out.entry({ ...common, mode: mode ?? 0o644 }, Buffer.from(content));
    else out.entry({ ...common, type: 'directory', mode: mode ?? 0o755 });
  }
  out.finalize();
  await collected;
  return new Uint8Array(Buffer.concat(chunks));
}
