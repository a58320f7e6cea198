// Hand-written modules, for what compilers do not produce.
import { closeEngines, engines, runInEngine } from '@wigeon/testkit/engines';
import { compileWat } from '@wigeon/testkit/programs';
import { afterAll, describe, expect, test } from 'vitest';
import type { ProgramResult, ProgramRun } from './run-program.worker.ts';

const worker = new URL('./run-program.worker.ts', import.meta.url);

/** A module with fd_write, proc_exit and random_get, this memory and this body of `_start`. */
const command = (memory: string, body: string): string => `(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  ${memory}
  (func (export "_start") ${body}))`;

afterAll(closeEngines);

describe.each(engines)('in %s', (engine) => {
  const run = async (text: string): Promise<ProgramResult> => {
    const input = { args: ['module'] } satisfies ProgramRun;
    return runInEngine(engine, worker, input, { files: { program: await compileWat(text) } });
  };

  test('a call finds what the program put into memory that it has just grown', async () => {
    const { code, stdout } = await run(
      command(
        '(memory (export "memory") 1 4)',
        `(drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 16)))
         (drop (memory.grow (i32.const 2)))
         (i32.store (i32.const 131072) (i32.const 0x0a216968))
         (i32.store (i32.const 0) (i32.const 131072))
         (i32.store (i32.const 4) (i32.const 4))
         (call $proc_exit (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))`,
      ),
    );
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'hi!\n' });
  });

  test('pointers above 2 GiB are no negative numbers', async () => {
    const { code, stdout } = await run(
      command(
        '(memory (export "memory") 32769)',
        `(i32.store (i32.const 0x80000010) (i32.const 0x0a216968))
         (i32.store (i32.const 0x80000000) (i32.const 0x80000010))
         (i32.store (i32.const 0x80000004) (i32.const 4))
         (call $proc_exit (call $fd_write (i32.const 1) (i32.const 0x80000000) (i32.const 1) (i32.const 0x80000008)))`,
      ),
    );
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'hi!\n' });
  });

  test('random numbers come in any amount', async () => {
    const fill = `(local $i i32)
      (if (call $random_get (i32.const 0) (i32.const 196608)) (then (call $proc_exit (i32.const 99))))
      (loop $next
        (local.set $i (i32.add (local.get $i) (i32.const 4096)))
        (br_if $next (i32.and
          (i32.lt_u (local.get $i) (i32.const 192512))
          (i64.ne (i64.load (local.get $i)) (i64.const 0)))))
      (call $proc_exit (i32.ge_u (local.get $i) (i32.const 192512)))`;
    expect((await run(command('(memory (export "memory") 3)', fill))).code).toBe(1);
  });

  test('an exit code keeps its low eight bits', async () => {
    const exit = (code: number): string =>
      command('(memory (export "memory") 1)', `(call $proc_exit (i32.const ${code}))`);
    expect((await run(exit(255))).code).toBe(255);
    expect((await run(exit(-1))).code).toBe(255);
    expect((await run(exit(258))).code).toBe(2);
  });

  test('a trap comes out as the RuntimeError of the engine', async () => {
    await expect(run(command('(memory (export "memory") 1)', 'unreachable'))).rejects.toMatchObject({
      name: 'RuntimeError',
    });
  });

  test('what is no command says what it lacks', async () => {
    await expect(run('(module (func (export "_start")))')).rejects.toThrow('the module exports no memory');
    await expect(run('(module (memory (export "memory") 1))')).rejects.toThrow('the module exports no _start function');
  });
});
