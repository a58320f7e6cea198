import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join, posix, sep } from 'node:path';
import type { ImageFile } from '../build/image-spec.ts';
import { OciError } from '../error.ts';

/**
 * The files of a directory as they are to lie in an image (`--add DIR:PATH`), sorted, with their mode reduced to what
 * is the same on every machine: executable or not. Symbolic links are followed as long as they stay in the directory.
 *
 * @param directory on this machine; a single file is taken under the path itself
 * @param at absolute path in the image
 * @throws OciError `invalid_configuration` for what is missing, no file, or outside
 */
export async function collectFiles(directory: string, at: string): Promise<ImageFile[]> {
  const root = await realpath(directory).catch((cause: unknown) => {
    throw new OciError('invalid_configuration', `${directory} cannot be added: it is not there`, { cause });
  });
  const files: ImageFile[] = [];
  const visit = async (path: string, target: string, ancestors: readonly string[]): Promise<void> => {
    const real = await realpath(path).catch((cause: unknown) => {
      throw new OciError('invalid_configuration', `${path} is a symbolic link to nothing`, { cause });
    });
    if (real !== root && !real.startsWith(root + sep)) {
      throw new OciError('invalid_configuration', `${path} is a symbolic link out of ${directory}`);
    }
    if (ancestors.includes(real)) throw new OciError('invalid_configuration', `${path} is a symbolic link in a circle`);
    const found = await stat(real);
    if (found.isDirectory()) {
      for (const name of (await readdir(real)).sort()) {
        await visit(join(real, name), posix.join(target, name), [...ancestors, real]);
      }
    } else if (found.isFile()) {
      files.push({ path: target, content: await readFile(real), mode: found.mode & 0o111 ? 0o755 : 0o644 });
    } else throw new OciError('invalid_configuration', `${path} is neither a file nor a directory`);
  };
  await visit(root, posix.join('/', at), []);
  return files;
}
