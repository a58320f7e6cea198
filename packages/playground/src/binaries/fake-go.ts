// For tests: a folder for PATH with a `go` that answers at once and notes how it was called.
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface FakeGo extends AsyncDisposable {
  /** PATH, HOME and XDG_CACHE_HOME in a folder of their own. */
  readonly environment: NodeJS.ProcessEnv;
  readonly cache: string;
  /** One line for each build that was run. */
  builds(): Promise<string[]>;
}

/** Shell code that does what a build must: write the file named by `-o`. */
export const writeOutput = 'for output; do [ "$last" = -o ] && break; last=$output; done; echo built > "$output"';

/** `build` is the shell code that runs as `go build`. */
export async function createFakeGo(options: { version?: string; build?: string } = {}): Promise<FakeGo> {
  const directory = await mkdtemp(join(tmpdir(), 'wigeon-fake-go-'));
  const record = join(directory, 'builds');
  const program = join(directory, 'bin', 'go');
  const build = options.build ?? writeOutput;
  await mkdir(join(directory, 'bin'));
  await writeFile(record, '');
  await writeFile(
    program,
    `#!/bin/sh\nif [ "$1" = env ]; then echo ${options.version ?? 'go1.26.8'}; exit; fi\nif [ "$1" = list ]; then echo main; exit; fi\necho "$*" >> ${record}\n${build}\n`,
  );
  await chmod(program, 0o755);
  return {
    environment: {
      PATH: `${join(directory, 'bin')}:/usr/bin:/bin`,
      HOME: directory,
      XDG_CACHE_HOME: join(directory, 'cache'),
    },
    cache: join(directory, 'cache', 'wigeon', 'kube'),
    builds: async () => (await readFile(record, 'utf8')).split('\n').filter((line) => line !== ''),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}
