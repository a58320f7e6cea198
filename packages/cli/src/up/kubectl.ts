import { accessSync, constants } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { Playground } from '@wigeon/playground';

/**
 * A folder to put on PATH for those who have no kubectl: it holds one that is the playground's own. Undefined where there
 * is a kubectl already.
 */
export async function kubectlFolder({ directory, kubectlProgram }: Playground): Promise<string | undefined> {
  if (isOnPath('kubectl')) return undefined;
  const folder = join(directory, 'bin');
  await mkdir(folder, { recursive: true });
  const words = [kubectlProgram.command, ...kubectlProgram.args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
  await writeFile(join(folder, 'kubectl'), `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`, { mode: 0o755 });
  return folder;
}

function isOnPath(name: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
