import { beforeAll, describe, expect, test } from 'vitest';
import wabt from 'wabt';
import { Program } from '../runtime/program.ts';
import { SuspendableModule } from '../runtime/suspendable-module.ts';
import { runGeneratedPlain, runGeneratedSuspended } from '../testing/generated.ts';
import { instrument } from './instrument.ts';
import { exported } from './names.ts';

let tools: Awaited<ReturnType<typeof wabt>>;
beforeAll(async () => {
  tools = await wabt();
});

const binary = (wat: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(
    tools.parseWat('test.wat', wat, { multi_memory: true, exceptions: true } as never).toBinary({}).buffer,
  );

const host =
  '(import "env" "log" (func $log (param i32))) (import "env" "ask" (func $ask (param i32 i64) (result i32)))';

test.each([
  [
    'passive data that is copied in parts and dropped',
    `(module ${host} (memory (export "memory") 1 2) (data $d "abcdefgh")
      (func (export "_start") (local $i i32)
        (loop $l
          (memory.init $d (i32.mul (local.get $i) (i32.const 3)) (local.get $i) (i32.const 2))
          (call $log (i32.load (i32.const 0)))
          (if (i32.eq (local.get $i) (i32.const 4)) (then (data.drop $d)))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $l (i32.lt_u (local.get $i) (i32.const 9))))))`,
  ],
  [
    'a table that is set, grown, copied and called through',
    `(module ${host} (memory (export "memory") 1) (table $t 3 20 funcref) (table $u 2 funcref) (type $f (func (param i32) (result i32)))
      (elem $e func $double $square) (elem (table $t) (i32.const 0) func $double)
      (func $double (param i32) (result i32) (i32.add (local.get 0) (local.get 0)))
      (func $square (param $n i32) (result i32) (local $sum i32) (local $k i32)
        (loop $l (local.set $sum (i32.add (local.get $sum) (local.get $n)))
          (br_if $l (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1))) (local.get $n))))
        (local.get $sum))
      (func (export "_start") (local $i i32)
        (table.init $t $e (i32.const 1) (i32.const 0) (i32.const 2))
        (elem.drop $e)
        (loop $l
          (drop (table.grow $t (ref.func $square) (i32.const 1)))
          (table.set $u (i32.const 1) (table.get $t (i32.rem_u (local.get $i) (table.size $t))))
          (table.copy $t $u (i32.const 0) (i32.const 1) (i32.const 1))
          (call $log (call_indirect $t (type $f) (i32.add (local.get $i) (i32.const 2)) (i32.rem_u (local.get $i) (table.size $t))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $l (i32.lt_u (local.get $i) (i32.const 12))))))`,
  ],
  [
    'two memories, both growing',
    `(module ${host} (memory $a (export "memory") 1 3) (memory $b 1 4)
      (func (export "_start") (local $i i32)
        (loop $l
          (i32.store $b (i32.mul (local.get $i) (i32.const 4)) (i32.add (call $ask (local.get $i) (i64.const 5)) (local.get $i)))
          (i32.store $a (i32.mul (local.get $i) (i32.const 8)) (i32.load $b (i32.mul (local.get $i) (i32.const 4))))
          (if (i32.eq (local.get $i) (i32.const 5)) (then (call $log (memory.grow $b (i32.const 2)))))
          (call $log (i32.add (memory.size $b) (i32.load $a (i32.mul (local.get $i) (i32.const 8)))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $l (i32.lt_u (local.get $i) (i32.const 10))))))`,
  ],
  [
    'a branch table of two hundred ways',
    `(module ${host} (memory (export "memory") 1)
      (func (export "_start") (local $i i32)
        (loop $l
          (block $out (block $a (block $b (block $c
            (br_table ${Array.from({ length: 200 }, (_, k) => ['$a', '$b', '$c', '$out'][k % 4]).join(' ')} $out
              (i32.rem_u (i32.mul (local.get $i) (i32.const 37)) (i32.const 211))))
            (call $log (i32.const 3)))
            (call $log (i32.const 2)) (br $out))
            (call $log (call $ask (local.get $i) (i64.const 1))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $l (i32.lt_u (local.get $i) (i32.const 60))))))`,
  ],
])('%s: the same suspended at each poll and moved as bytes', (_, wat) => {
  const bytes = binary(wat);
  const want = runGeneratedPlain(bytes);
  for (const every of [1, 2, 7]) {
    const { moves, polls, snapshots, ...seen } = runGeneratedSuspended(bytes, {
      every,
      move: true,
      asBytes: true,
      blockEach: 3,
      most: 500,
    });
    expect(seen).toEqual(want);
    if (every === 1) expect(moves).toBeGreaterThan(5);
    expect(polls + snapshots.length).toBeGreaterThan(0);
  }
});

describe('a limit of memory', () => {
  const growing =
    '(module (memory (export "memory") 1) (func (export "_start") (if (i32.ne (memory.grow (i32.const 3)) (i32.const -1)) (then (unreachable)))))';

  test('makes growing beyond it fail in the guest', () => {
    const { bytes } = instrument(binary(growing), { maxMemoryPages: 3 });
    const program = new Program(new SuspendableModule(new WebAssembly.Module(bytes)), {});
    program.start();
    expect(program.run().state).toBe('finished');
    expect((program.instance.exports[exported.memory(0)] as WebAssembly.Memory).buffer.byteLength).toBe(65536);
  });

  test('below what the module starts with is refused', () => {
    expect(() => instrument(binary('(module (memory 5))'), { maxMemoryPages: 4 })).toThrow(
      /at least 5 pages, at most 4/,
    );
  });
});

test('a module instrumented without its metadata is resumed with it', () => {
  const wat =
    '(module (memory (export "memory") 1) (func (export "_start") (local i32) (loop (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 9))))))';
  const { bytes, metadata } = instrument(binary(wat), { embed: false });
  const module = new WebAssembly.Module(bytes);
  expect(() => new SuspendableModule(module)).toThrow(/wigeon.suspend/);
  let polls = 0;
  const program = new Program(new SuspendableModule(module, metadata), {}, { atEachPoll: () => ++polls === 3 });
  program.start();
  expect(program.run().state).toBe('suspended');
  expect(program.run().state).toBe('finished');
});
