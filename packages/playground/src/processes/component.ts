// A child process that cannot outlive this one.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { ComponentName, Program } from '../binaries/programs.ts';
import { PlaygroundError } from '../error.ts';
import { readTail } from './log-tail.ts';

export interface ComponentOptions {
  readonly name: ComponentName;
  readonly program: Program;
  readonly args: readonly string[];
  /** Receives what the component prints. */
  readonly logFile: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export interface Component extends AsyncDisposable {
  readonly name: ComponentName;
  readonly pid: number;
  readonly logFile: string;
  /** Resolves when the process has ended because it was disposed; rejects with its last words if it ended by itself. */
  readonly done: Promise<void>;
}

const guard = fileURLToPath(import.meta.resolve('./guard.ts'));

/**
 * Starts a component; resolves when the process exists. Disposing kills it and waits for its end.
 *
 * Its stdin is a *lifeline*: the operating system closes our end however this process dies, and the component, or for a
 * foreign program the guard around it, then exits. It also leads a process group of its own, so that a Ctrl-C meant
 * for the launcher does not reach it first and look like a crash.
 */
export async function startComponent(options: ComponentOptions): Promise<Component> {
  const { name, program, args, logFile } = options;
  const [command, ...commandArgs] = program.ours
    ? [program.command, '--lifeline', ...program.args, ...args]
    : [process.execPath, guard, program.command, ...program.args, ...args];
  await using log = await open(logFile, 'a', 0o600);
  const child = spawn(command!, commandArgs, {
    stdio: ['pipe', log.fd, log.fd],
    detached: true,
    env: { ...ownEnvironment(), ...options.environment },
  });
  await spawned(child, name);
  const ended = once(child, 'exit');
  // The component closing its end of the lifeline is told by its exit.
  child.stdin?.on('error', () => {});

  let disposed = false;
  const done = ended.then(async () => {
    if (!disposed) throw await failure(name, child, logFile);
  });
  // Whoever cares races with `done`; nobody has to.
  done.catch(() => {});
  return {
    name,
    pid: child.pid!,
    logFile,
    done,
    async [Symbol.asyncDispose]() {
      disposed = true;
      if (child.exitCode === null && child.signalCode === null) killGroup(child.pid!);
      await ended;
    },
  };
}

// etcd and the registry read their configuration also from variables, and those of the user are not meant for ours.
function ownEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(ETCD|REGISTRY|OTEL)_/.test(name)));
}

async function spawned(child: ChildProcess, name: string): Promise<void> {
  try {
    await once(child, 'spawn');
  } catch (cause) {
    throw new PlaygroundError('component_failed', `${name} could not be started (${child.spawnfile})`, { cause });
  }
}

// At once and without asking: everything a playground holds is thrown away with it.
function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function failure(name: string, child: ChildProcess, logFile: string): Promise<PlaygroundError> {
  const how = child.signalCode === null ? `exited with code ${child.exitCode}` : `was killed by ${child.signalCode}`;
  const tail = await readTail(logFile);
  return new PlaygroundError('component_failed', `${name} ${how}. The end of its log:\n${tail}`);
}
