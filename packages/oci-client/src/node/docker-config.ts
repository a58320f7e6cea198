import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Keyring, parseDockerConfig } from '../auth/keyring.ts';

/**
 * The credentials that `docker login` and its like left: `config.json` below `DOCKER_CONFIG` or `~/.docker`. Nothing is
 * there is an empty keyring. Credential helpers are not run.
 *
 * @throws OciError `invalid_credentials`
 */
export async function readDockerConfig(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<Keyring> {
  const directory = environment.DOCKER_CONFIG || join(homedir(), '.docker');
  const text = await readFile(join(directory, 'config.json'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  return text === undefined ? new Keyring() : parseDockerConfig(text);
}
