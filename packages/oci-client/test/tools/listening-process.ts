import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A server program; disposing ends it. */
export interface ListeningProcess extends AsyncDisposable {
  readonly host: string;
}

/**
 * Starts a server and resolves when it says on which port of loopback it listens.
 *
 * @param announcement its first group is the port
 */
export async function startListening(
  command: string,
  args: readonly string[],
  announcement: RegExp,
): Promise<ListeningProcess> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const said: string[] = [];
  const port = await new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        if (said.length < 50) said.push(line);
        const match = announcement.exec(line);
        if (match?.[1]) resolve(match[1]);
      });
    }
    child.on('error', reject);
    child.on('close', () => reject(new Error(`${command} ended early:\n${said.join('\n')}`)));
  });
  return { host: `127.0.0.1:${port}`, [Symbol.asyncDispose]: () => end(child) };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}
