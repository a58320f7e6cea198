import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { BrowserError } from '../error.ts';
import type { SupervisorInput, SupervisorReport } from './supervisor.node.ts';

export interface SuperviseOptions {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Directories to remove when the command has ended. */
  readonly remove?: readonly string[];
  readonly log?: ((line: string) => void) | undefined;
}

/** A command that cannot outlive this process, with everything it starts. */
export interface SupervisedCommand extends AsyncDisposable {
  readonly pid: number;
  /** The last lines of stdout and stderr, for error messages. */
  tail(): string;
  /** Resolves with the first line of stdout or stderr that matches, past lines included. */
  line(pattern: RegExp): Promise<RegExpExecArray>;
  /** Resolves with the first line the command writes to its file descriptor 3. */
  readonly firstLineOfFd3: Promise<string>;
  /** Settles when the command and all it started have ended and its directories are removed. */
  readonly done: Promise<void>;
  /** SIGKILL for the command and all it started; resolves as `done` does. */
  kill(): Promise<void>;
}

const TAIL_LINES = 40;

/** Starts `command` under a supervisor process. Rejects with BROWSER_LAUNCH_FAILED if it cannot be started. */
export async function supervise(command: string, options: SuperviseOptions): Promise<SupervisedCommand> {
  const input: SupervisorInput = {
    command,
    args: options.args,
    env: options.env,
    mark: randomUUID(),
    remove: options.remove ?? [],
  };
  const child = spawn(process.execPath, [join(import.meta.dirname, 'supervisor.node.ts'), JSON.stringify(input)], {
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    // Out of our session and group: a Ctrl-C or a kill of our group must not reach the supervisor before its work.
    detached: true,
  });
  const output = new OutputLines(child.stderr as Readable, options.log);
  const fd3 = child.stdio[3] as Readable;
  const handles = [child, child.stdin, child.stdout, child.stderr, fd3] as unknown as { ref(): void; unref(): void }[];
  child.stdin?.on('error', () => {});

  const done = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const pid = await startedPid(child, command);
  // Ending this process ends the supervisor, so neither it nor its pipes need to keep this process alive,
  // but while someone waits for the end.
  for (const handle of handles) handle.unref();
  const kill = (): Promise<void> => {
    for (const handle of handles) handle.ref();
    child.stdin?.end();
    return done;
  };
  return {
    pid,
    tail: () => output.tail(),
    line: (pattern) => output.line(pattern),
    firstLineOfFd3: new Promise((resolve) => createInterface({ input: fd3 }).once('line', resolve)),
    done,
    kill,
    [Symbol.asyncDispose]: kill,
  };
}

function startedPid(child: ChildProcess, command: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void =>
      reject(new BrowserError('BROWSER_LAUNCH_FAILED', `cannot start ${command}: ${why}`));
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code) => fail(`its supervisor exited with ${code}`));
    createInterface({ input: child.stdout as Readable }).on('line', (line) => {
      const report = JSON.parse(line) as SupervisorReport;
      if (report.event === 'started') resolve(report.pid);
      if (report.event === 'failed') fail(report.message);
    });
  });
}

/** Lines of a stream: the last ones kept, all of them offered to whoever waits for a pattern. */
class OutputLines {
  #lines: string[] = [];
  #waiting: { pattern: RegExp; resolve: (match: RegExpExecArray) => void }[] = [];

  constructor(stream: Readable, log: ((line: string) => void) | undefined) {
    createInterface({ input: stream }).on('line', (line) => {
      log?.(line);
      this.#lines.push(line);
      if (this.#lines.length > TAIL_LINES) this.#lines.shift();
      this.#waiting = this.#waiting.filter(({ pattern, resolve }) => {
        const match = pattern.exec(line);
        if (match) resolve(match);
        return !match;
      });
    });
  }

  tail(): string {
    return this.#lines.join('\n');
  }

  line(pattern: RegExp): Promise<RegExpExecArray> {
    for (const line of this.#lines) {
      const match = pattern.exec(line);
      if (match) return Promise.resolve(match);
    }
    return new Promise((resolve) => this.#waiting.push({ pattern, resolve }));
  }
}
