import { readFile, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { exitCodes } from '../exit-codes.ts';
import { runProgram, type Suspension } from '../run/program.ts';

interface Options {
  dir: readonly { host: string; guest: string }[];
  env: Readonly<Record<string, string>>;
  maxMemory?: number;
  suspend: Suspension;
  checkpoint?: string;
  restore?: string;
}

export function runCommand(): Command {
  return new Command('run')
    .argument('<module>', 'a .wasm file of WASI preview 1')
    .argument('[args...]', 'its arguments')
    .option('--dir <host::guest>', 'a directory it may use (repeatable); GUEST defaults to HOST', directory, [])
    .option('--env <name=value>', 'a variable of its environment (repeatable)', variable, {})
    .option('--max-memory <size>', 'most memory it may have, such as 64Mi (implies --suspend on)', size)
    .option('--suspend <how>', 'off, on, every=N (move to a new instance at each N-th poll) or after=MS', suspension, {
      kind: 'off',
    })
    .option('--checkpoint <file>', 'where after=MS writes the snapshot; the exit code is then 75')
    .option('--restore <file>', 'go on from a snapshot')
    .passThroughOptions()
    .action(async (file: string, args: string[], options: Options) => {
      for (const { host } of options.dir) {
        if (!(await stat(host).catch(() => undefined))?.isDirectory())
          throw new Error(`--dir ${host} is not a directory`);
      }
      const module = new Uint8Array(await readFile(file));
      const implied =
        options.suspend.kind === 'off' && (options.restore !== undefined || options.maxMemory !== undefined);
      try {
        process.exitCode = await runProgram({
          module,
          args: [basename(file), ...args],
          env: options.env,
          directories: options.dir,
          maxMemoryBytes: options.maxMemory,
          suspend: implied ? { kind: 'on' } : options.suspend,
          checkpoint: options.checkpoint,
          restore: options.restore,
        });
      } catch (error) {
        if (!(error instanceof WebAssembly.RuntimeError) && !(error instanceof RangeError)) throw error;
        console.error(`wigeon: the program trapped: ${error.message}\n${wasmFrames(error)}`);
        process.exitCode = exitCodes.trap;
      }
    });
}

function wasmFrames(error: Error): string {
  return (error.stack ?? '')
    .split('\n')
    .filter((line) => line.includes('wasm'))
    .slice(0, 6)
    .join('\n');
}

function directory(
  text: string,
  before: readonly { host: string; guest: string }[],
): { host: string; guest: string }[] {
  const [host = '', guest = host, ...more] = text.split('::');
  if (host === '' || guest === '' || more.length > 0) throw new InvalidArgumentError('must be HOST or HOST::GUEST');
  return [...before, { host: resolve(host), guest: guest.startsWith('/') ? guest : `/${guest.replace(/^\.\/?/, '')}` }];
}

function variable(text: string, before: Readonly<Record<string, string>>): Record<string, string> {
  const equals = text.indexOf('=');
  if (equals < 1) throw new InvalidArgumentError('must be NAME=VALUE');
  return { ...before, [text.slice(0, equals)]: text.slice(equals + 1) };
}

function size(text: string): number {
  const match = /^(\d+)(Ki|Mi|Gi)?$/.exec(text);
  if (!match) throw new InvalidArgumentError('must be a number of bytes, or with Ki, Mi or Gi');
  return Number(match[1]) * { '': 1, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 }[match[2] ?? '']!;
}

function suspension(text: string): Suspension {
  if (text === 'off' || text === 'on') return { kind: text };
  const [, kind, number] = /^(every|after)=(\d+)$/.exec(text) ?? [];
  if (kind === 'every' && Number(number) > 0) return { kind, polls: Number(number) };
  if (kind === 'after') return { kind, milliseconds: Number(number) };
  throw new InvalidArgumentError('must be off, on, every=N or after=MS');
}
