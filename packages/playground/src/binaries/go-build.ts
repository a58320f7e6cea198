// Runs `go build` and turns what it prints into progress.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { PlaygroundError } from '../error.ts';

export interface GoBuild {
  readonly args: readonly string[];
  readonly source: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
  readonly log: (line: string) => void;
}

const reportMilliseconds = 10_000;
const keptLines = 40;

/** Resolves when the build is done; rejects with `build_failed` and the compiler's last words. */
export function runGoBuild(build: GoBuild): Promise<void> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    // -v prints each package as it is compiled: the only sign of life that the compiler gives.
    const child = spawn('go', ['build', '-v', ...build.args], {
      cwd: build.source,
      env: build.environment,
      stdio: ['ignore', 'ignore', 'pipe'],
      signal: build.signal,
    });
    const progress = new Progress();
    const lines = createInterface({ input: child.stderr });
    lines.on('line', (line) => progress.read(line));
    const timer = setInterval(
      () => build.log(`${progress.describe()}, ${Math.round((performance.now() - started) / 1000)} s`),
      reportMilliseconds,
    );
    child.on('error', (cause) => {
      clearInterval(timer);
      reject(new PlaygroundError('build_failed', 'go build could not be run', { cause }));
    });
    child.on('close', (code, signal) => {
      clearInterval(timer);
      if (code === 0) resolve();
      else {
        const words = progress.complaints.join('\n');
        reject(new PlaygroundError('build_failed', `go build failed (${signal ?? `exit code ${code}`}):\n${words}`));
      }
    });
  });
}

/** Counts what `go build -v` reports; everything that is not progress is a complaint. */
class Progress {
  readonly complaints: string[] = [];
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
    if (this.#compiled === 0 && this.#downloaded === 0) return 'go build is loading packages or linking';
    if (this.#compiled === 0) return `downloaded ${this.#downloaded} Go modules (${this.#current})`;
    return `compiled ${this.#compiled} Go packages (${this.#current})`;
  }
}
