import { expect, test } from 'vitest';
import { emptyComponent, emptyModule, moduleOfSize } from '../../test/images.ts';
import { checkModule, wasmKind } from './check-module.ts';

const check = (...parts: (Uint8Array | number[])[]) => {
  const bytes = Uint8Array.from(parts.flatMap((part) => [...part]));
  return checkModule(bytes.length, async (offset, length) => bytes.subarray(offset, offset + length), '/app.wasm');
};

test('modules pass, whatever is in their sections', async () => {
  await check(emptyModule);
  await check(moduleOfSize(1000));
  await check(emptyModule, [1, 4, 1, 0x60, 0, 0], [3, 2, 1, 0], [0, 1, 0], [10, 4, 1, 2, 0, 0x0b]);
});

test.each([
  ['text', [0x28, 0x6d], 'no_wasm', 'does not begin'],
  ['nothing', [], 'no_wasm', 'does not begin'],
  ['an ELF file', [0x7f, 0x45, 0x4c, 0x46], 'no_wasm', 'does not begin'],
  ['a component', [...emptyComponent], 'wasm_component', 'component'],
  ['half a header', [0, 0x61, 0x73, 0x6d, 1], 'wasm_malformed', 'inside the header'],
  ['version 2', [0, 0x61, 0x73, 0x6d, 2, 0, 0, 0], 'wasm_malformed', 'version 2'],
  ['a cut section', [...emptyModule, 1, 9, 1], 'wasm_malformed', 'at byte 8'],
  ['a section without a size', [...emptyModule, 1], 'wasm_malformed', 'at byte 9'],
  ['an endless size', [...emptyModule, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], 'wasm_malformed', '32 bits'],
  ['an unknown section', [...emptyModule, 77, 0], 'wasm_malformed', 'section 77 is unknown'],
  ['a section twice', [...emptyModule, 1, 1, 0, 1, 1, 0], 'wasm_malformed', 'twice'],
  ['sections out of order', [...emptyModule, 3, 1, 0, 1, 1, 0], 'wasm_malformed', 'wrong place'],
])('%s is told apart', async (_, bytes, code, message) => {
  await expect(check(bytes)).rejects.toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(message) }),
  );
});

test('module or component is said by the header alone', () => {
  expect([emptyModule, emptyComponent, Uint8Array.of(1, 2, 3)].map(wasmKind)).toEqual(['module', 'component', 'other']);
});
