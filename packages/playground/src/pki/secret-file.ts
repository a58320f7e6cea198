import { writeFile } from 'node:fs/promises';

/** Writes a file that only its owner may read. */
export function writeSecret(file: string, content: string): Promise<void> {
  return writeFile(file, content, { mode: 0o600 });
}
