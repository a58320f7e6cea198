// A process between us and a browser. It lives in a session of its own and watches its standard input, whose other end
// only we hold: when we end, even by SIGKILL, it reads the end of file and leaves no process and no file behind.
// argv[2] is a SupervisorInput; file descriptor 1 carries one SupervisorReport a line; 2 and 3 belong to the command.
import { spawn } from 'node:child_process';
import { rmSync, writeSync } from 'node:fs';
import { killTree, MARK } from './process-tree.ts';

export interface SupervisorInput {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly mark: string;
  /** Directories to remove when the command has ended. */
  readonly remove: readonly string[];
}

export type SupervisorReport =
  | { readonly event: 'started'; readonly pid: number }
  | { readonly event: 'exited'; readonly code: number | null; readonly signal: string | null }
  | { readonly event: 'failed'; readonly message: string };

if (import.meta.main) {
  const input = JSON.parse(process.argv[2] ?? '') as SupervisorInput;
  const child = spawn(input.command, input.args, {
    env: { ...input.env, [MARK]: input.mark },
    stdio: ['ignore', 2, 2, 3],
    detached: true,
  });
  let ending: Promise<void> | undefined;
  const end = (): Promise<void> =>
    (ending ??= (async () => {
      if (child.pid !== undefined) await killTree(child.pid, input.mark);
      for (const directory of input.remove) rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
    })());

  child.on('spawn', () => report({ event: 'started', pid: child.pid ?? 0 }));
  child.on('error', (error) => {
    report({ event: 'failed', message: error.message });
    void end().then(() => process.exit(0));
  });
  // Exit only when the command has been waited for, or it stays in the process table as a zombie.
  child.on('exit', (code, signal) => {
    void end().then(() => {
      report({ event: 'exited', code, signal });
      process.exit(0);
    });
  });
  process.stdin.resume();
  process.stdin.on('end', () => void end());
  process.stdin.on('error', () => void end());
}

function report(message: SupervisorReport): void {
  try {
    writeSync(1, `${JSON.stringify(message)}\n`);
  } catch {
    // Whoever listened is gone; the end of standard input says so too.
  }
}
