import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ProgramName, program } from '@wigeon/testkit/programs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const main = join(import.meta.dirname, 'main.ts');
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wigeon-cli-'));
});
afterAll(() => rm(directory, { recursive: true }));

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function wigeon(...args: string[]): Promise<Result> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr });
    });
  });
}

async function moduleFile(name: ProgramName): Promise<string> {
  const path = join(directory, `${name}.wasm`);
  await writeFile(path, await program(name));
  return path;
}

describe('wigeon run', () => {
  it('passes arguments and environment, and exits with the code of the program', async () => {
    const echo = await wigeon('run', '--env', 'NAME=grüße', await moduleFile('echo-args'), 'a b', '--suspend');
    expect(echo.stdout).toContain('a b');
    expect(echo.stdout).toContain('--suspend');
    expect(echo.stdout).toContain('NAME=grüße');
    expect(await wigeon('run', await moduleFile('exit-code'), '7')).toMatchObject({ code: 7 });
  });

  it('names a trap and exits with 134', async () => {
    const { code, stderr } = await wigeon('run', await moduleFile('trap'), 'unreachable');
    expect(code).toBe(134);
    expect(stderr).toMatch(/trapped: .*unreachable/);
  });

  it('shares a directory', async () => {
    const { code } = await wigeon(
      'run',
      '--dir',
      `${directory}::/work`,
      await moduleFile('compute'),
      '1',
      '/work/result',
      '1000',
    );
    expect(code).toBe(0);
    expect(await readFile(join(directory, 'result'), 'utf8')).toMatch(/^[0-9a-f]{16}\n$/);
  });

  it('gives the same output when the program moves to a new instance every 20 polls', async () => {
    const compute = await moduleFile('compute');
    const plain = await wigeon('run', compute, '2', '/file', '100000');
    expect(await wigeon('run', '--suspend', 'every=20', compute, '2', '/file', '100000')).toEqual(plain);
  });

  it('stops with a snapshot and goes on from it in another process', async () => {
    const compute = await moduleFile('compute');
    const snapshot = join(directory, 'snapshot');
    const plain = await wigeon('run', compute, '2');
    const first = await wigeon('run', '--suspend', 'after=300', '--checkpoint', snapshot, compute, '2');
    expect(first.code).toBe(75);
    const second = await wigeon('run', '--restore', snapshot, compute, '2');
    expect(second.code).toBe(0);
    expect(first.stdout + second.stdout).toBe(plain.stdout);
  });

  it('ends at once on Ctrl-C', async () => {
    const child = spawn(process.execPath, [main, 'run', await moduleFile('ticker'), '50', '0']);
    await new Promise((resolve) => child.stdout.once('data', resolve));
    child.kill('SIGINT');
    expect(await new Promise((resolve) => child.once('exit', (_code, signal) => resolve(signal)))).toBe('SIGINT');
  });
});

describe('what is wrong', () => {
  it.each([
    [['run', '--bad', 'x.wasm'], 2, /unknown option '--bad'/],
    [['run', '--suspend', 'sometimes', 'x.wasm'], 2, /must be off, on, every=N or after=MS/],
    [['run', '/nowhere.wasm'], 1, /nowhere\.wasm/],
    [['up', '--agents', 'many'], 2, /whole number/],
    [['node', '--config', '/nowhere.yaml'], 1, /nowhere\.yaml cannot be read/],
    [['push', 'x.wasm'], 1, /wigeon push FILE\.wasm REF/],
  ])('%s is said', async (args, code, message) => {
    const result = await wigeon(...args);
    expect(result.code).toBe(code);
    expect(result.stderr).toMatch(message);
  });

  it('every command has help', async () => {
    for (const command of ['up', 'node', 'agent', 'run', 'push', 'agents', 'drain', 'checkpoint', 'instrument']) {
      const { code, stdout } = await wigeon(command, '--help');
      expect(code).toBe(0);
      expect(stdout).toContain(`wigeon ${command}`);
    }
  });
});
