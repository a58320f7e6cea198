import { wasi as shim } from '@bjorn3/browser_wasi_shim';
import { expect, test } from 'vitest';
import * as abi from './abi.ts';

test('every number has the value that the shim gives it', () => {
  const theirs = shim as unknown as Record<string, unknown>;
  expect(Object.fromEntries(Object.keys(abi).map((name) => [name, theirs[name]]))).toEqual({ ...abi });
});
