import { beforeAll, describe, expect, test } from 'vitest';
import { instrument } from '../instrument/instrument.ts';
import { exported } from '../instrument/names.ts';
import { SuspendError } from '../module/error.ts';
import { Program } from '../runtime/program.ts';
import { SuspendableModule } from '../runtime/suspendable-module.ts';
import { compile } from '../testing/compile.ts';
import { runPlain } from '../testing/differential.ts';
import { Random } from '../testing/generator.ts';
import { WasiStub } from '../testing/wasi-stub.ts';
import { describeSnapshot } from './describe.ts';
import { decodeSnapshot } from './format.ts';
import { compressSnapshot, decompressSnapshot, restoreSnapshot, takeSnapshot } from './snapshot.ts';

let original: Uint8Array<ArrayBuffer>;
let suspendable: SuspendableModule;
const args = ['3000'];

beforeAll(async () => {
  original = await compile('sort.c');
  suspendable = new SuspendableModule(new WebAssembly.Module(instrument(original).bytes));
});

function make(wasi: WasiStub, stopAt: readonly number[]): Program {
  let polls = 0;
  const program = new Program(
    suspendable,
    { wasi_snapshot_preview1: wasi.imports },
    { atEachPoll: () => stopAt.includes(++polls) },
  );
  wasi.memory = program.instance.exports[exported.memory(0)] as WebAssembly.Memory;
  return program;
}

function suspended(): { program: Program; wasi: WasiStub } {
  const wasi = new WasiStub(args);
  const program = make(wasi, [5000, 9000]);
  program.start();
  expect(program.run().state).toBe('suspended');
  return { program, wasi };
}

describe('a snapshot', () => {
  test('restored in a new instance goes on to the same output, compressed and back', async () => {
    const { program, wasi } = suspended();
    const host = Uint8Array.of(1, 2, 3);
    const { bytes } = takeSnapshot(program, { host });
    const small = await compressSnapshot(bytes);
    expect(small.length).toBeLessThan(bytes.length);
    const next = make(wasi, []);
    expect(restoreSnapshot(next, await decompressSnapshot(small))).toEqual(host);
    expect(next.run().state).toBe('finished');
    expect(wasi.output).toBe(runPlain(original, args).output);
  });

  test('as a delta on an earlier one is smaller, and restores only with it', () => {
    const { program, wasi } = suspended();
    const full = takeSnapshot(program);
    expect(program.run().state).toBe('suspended');
    const delta = takeSnapshot(program, { base: full.base });
    expect(delta.bytes.length).toBeLessThan(full.bytes.length);
    expect(() => restoreSnapshot(make(new WasiStub(), []), delta.bytes)).toThrow(/builds on/);
    const next = make(wasi, []);
    restoreSnapshot(next, delta.bytes, [full.bytes]);
    expect(next.run().state).toBe('finished');
    expect(wasi.output).toBe(runPlain(original, args).output);
  });

  test('of another module is refused', () => {
    const { program } = suspended();
    const { bytes } = takeSnapshot(program);
    const other = new SuspendableModule(new WebAssembly.Module(instrument(original, { digest: 'f'.repeat(64) }).bytes));
    const next = new Program(other, { wasi_snapshot_preview1: new WasiStub().imports });
    expect(() => restoreSnapshot(next, bytes)).toThrow(SuspendError);
  });

  test('cannot be taken of a program that has not begun', () => {
    expect(() => takeSnapshot(make(new WasiStub(), []))).toThrow(/not suspended/);
  });

  test('describes itself with function names', () => {
    const { program } = suspended();
    const text = describeSnapshot(decodeSnapshot(takeSnapshot(program).bytes), original);
    expect(text).toContain('_start');
    expect(text).toMatch(/stack {4}\d+ frames/);
  });

  test('that is cut short or damaged anywhere is refused by an error, never misread', () => {
    const { bytes } = takeSnapshot(suspended().program);
    const refused = (damaged: Uint8Array): void => {
      expect(() => decodeSnapshot(damaged)).toThrow(SuspendError);
    };
    for (const length of [0, 1, 4, 7, 11, 12, 40, 100, 200, bytes.length - 1]) refused(bytes.slice(0, length));
    const random = new Random(1);
    for (let i = 0; i < 200; i++) {
      const damaged = bytes.slice();
      damaged[random.below(i < 100 ? 300 : bytes.length)]! ^= 1 << random.below(8);
      refused(damaged);
    }
  });

  test('with a right checksum but wrong content is refused or restores into nothing worse than a trap', async () => {
    const { resealed } = await import('../testing/reseal.ts');
    const { bytes } = takeSnapshot(suspended().program);
    const random = new Random(2);
    let accepted = 0;
    for (let i = 0; i < 300; i++) {
      const damaged = bytes.slice(0, random.chance(10) ? random.below(400) + 12 : bytes.length);
      for (let n = random.below(3); n >= 0; n--) damaged[12 + random.below(388)]! = random.below(256);
      const next = make(new WasiStub(args), [200]);
      try {
        restoreSnapshot(next, resealed(damaged), [], { memoryBytes: 1 << 26 });
        accepted++;
      } catch (error) {
        expect(error).toBeInstanceOf(SuspendError);
        continue;
      }
      expect(['finished', 'failed', 'suspended']).toContain(next.run().state);
    }
    expect(accepted).toBeLessThan(300);
  });
});
