// Runs `go build` and turns what it prints into progress.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { PlaygroundError } from '../error.ts';
import { goCommand } from './go.ts';

export interface GoBuild {
  /** Flags, without the output file. */
  readonly args: readonly string[];
  /** The folder of the module. */
  readonly source: string;
  /** The main packages. */
  readonly packages: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
  readonly log: (line: string) => void;
}

const reportMilliseconds = 10_000;
const keptLines = 40;

/** Resolves when the output file is written; rejects with `build_failed` and the compiler's last words. */
export async function runGoBuild(build: GoBuild, output: string): Promise<void> {
  const started = performance.now();
  const progress = new Progress();
  const timer = setInterval(
    () => build.log(`${progress.describe()}, ${Math.round((performance.now() - started) / 1000)} s`),
    reportMilliseconds,
  );
  try {
    // Downloads the modules, and tells how many packages there will be.
    progress.total = await runGo(build, ['list', ...build.args, '-deps', ...build.packages], progress);
    // -v prints each package as it is compiled: the only sign of life that the compiler gives.
    await runGo(build, ['build', '-v', ...build.args, '-o', output, ...build.packages], progress);
  } finally {
    clearInterval(timer);
  }
}

/** Resolves with the number of lines on stdout. */
function runGo(build: GoBuild, args: readonly string[], progress: Progress): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(goCommand, args, {
      cwd: build.source,
      env: build.environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      signal: build.signal,
    });
    let lines = 0;
    createInterface({ input: child.stdout }).on('line', () => (lines += 1));
    createInterface({ input: child.stderr }).on('line', (line) => progress.read(line));
    child.on('error', (cause) => {
      reject(new PlaygroundError('build_failed', `go ${args[0]} could not be run to its end`, { cause }));
    });
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(lines);
      const words = progress.complaints.join('\n');
      reject(new PlaygroundError('build_failed', `go ${args[0]} failed (${signal ?? `exit code ${code}`}):\n${words}`));
    });
  });
}

/** Counts what `go build -v` reports; everything that is not progress is a complaint. */
class Progress {
  readonly complaints: string[] = [];
  /** How many packages there are; those compiled for an earlier build will not be reported. */
  total = 0;
  #downloaded = 0;
  #compiled = 0;
  #current = '';

  read(line: string): void {
    if (line.startsWith('go: downloading ')) {
      this.#downloaded += 1;
      this.#current = line.slice('go: downloading '.length);
    } else if (/^[\w.~/-]+$/.test(line)) {
      this.#compiled += 1;
      this.#current = line;
    } else {
      this.complaints.push(line);
      if (this.complaints.length > keptLines) this.complaints.shift();
    }
  }

  describe(): string {
    if (this.#compiled > 0) return `compiled ${this.#compiled} of ${this.total} Go packages (${this.#current})`;
    if (this.#downloaded > 0) return `downloaded ${this.#downloaded} Go modules (${this.#current})`;
    return 'go is loading packages or linking';
  }
}
