// go-containerregistry: crane, a client to be copied and validated by, and a registry that speaks referrers 1.1.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type ListeningProcess, startListening } from './listening-process.ts';

const run = promisify(execFile);
const source = join(import.meta.dirname, 'referrers-registry');

/** The path of crane, of the version that go.mod names, built the first time and kept in the user's cache. */
export function requireCrane(): Promise<string> {
  return requireProgram('crane', 'github.com/google/go-containerregistry/cmd/crane');
}

/** The registry with its referrers API on. */
export async function startReferrersRegistry(): Promise<ListeningProcess> {
  return startListening(await requireProgram('referrers-registry', '.'), [], /serving on port (\d+)/);
}

async function requireProgram(name: string, target: string): Promise<string> {
  const files = await Promise.all(['go.mod', 'go.sum', 'main.go'].map((file) => readFile(join(source, file))));
  const key = createHash('sha256').update(Buffer.concat(files)).digest('hex').slice(0, 16);
  const directory = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'wigeon', 'go-containerregistry');
  const program = join(directory, `${name}-${key}`);
  if (await exists(program)) return program;
  await mkdir(directory, { recursive: true });
  const unfinished = `${program}.new-${process.pid}`;
  const version = /go-containerregistry (v\S+)/.exec(files[0]!.toString())?.[1];
  const environment = { ...process.env, CGO_ENABLED: '0' };
  try {
    // crane is a module of its own dependencies; ours needs a few of them only.
    if (target === '.')
      await run('go', ['build', '-trimpath', '-o', unfinished, '.'], { cwd: source, env: environment });
    else {
      const bin = `${unfinished}.bin`;
      await run('go', ['install', '-trimpath', `${target}@${version}`], { env: { ...environment, GOBIN: bin } });
      await rename(join(bin, name), unfinished);
      await rm(bin, { recursive: true });
    }
    await rename(unfinished, program);
  } catch (cause) {
    throw new Error(`${name} cannot be built; this test needs Go`, { cause });
  } finally {
    await rm(unfinished, { force: true });
  }
  return program;
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
