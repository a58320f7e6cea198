// go-containerregistry's crane: a client to be copied and validated by, and a registry that speaks referrers 1.1.
import { execFile } from 'node:child_process';
import { access, mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type ListeningProcess, startListening } from './listening-process.ts';

const VERSION = '0.22.1';
const run = promisify(execFile);

/** The path of crane, built with Go the first time and kept in the user's cache. */
export async function requireCrane(): Promise<string> {
  const directory = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'wigeon', `crane-${VERSION}`);
  const crane = join(directory, 'crane');
  const present = await access(crane).then(
    () => true,
    () => false,
  );
  if (present) return crane;
  await mkdir(directory, { recursive: true });
  // Go writes the program under another name first, so that one which is there is whole.
  await run('go', ['install', `github.com/google/go-containerregistry/cmd/crane@v${VERSION}`], {
    env: { ...process.env, GOBIN: directory, CGO_ENABLED: '0', GOFLAGS: '-trimpath' },
    maxBuffer: 64 * 1024 * 1024,
  }).catch((cause: unknown) => {
    throw new Error('crane cannot be built; this test needs Go', { cause });
  });
  return crane;
}

export async function startCraneRegistry(): Promise<ListeningProcess> {
  return startListening(
    await requireCrane(),
    ['registry', 'serve', '--address', '127.0.0.1:0'],
    /serving on port (\d+)/,
  );
}
