import { describe, expect, test } from 'vitest';
import { compile } from '../testing/compile.ts';
import { runPlain, runSuspended } from '../testing/differential.ts';

const sjlj = ['-O2', '-mllvm', '-wasm-enable-sjlj', '-lsetjmp'];

describe.each([
  ['legacy exceptions', sjlj],
  ['try_table', [...sjlj, '-mllvm', '-wasm-use-legacy-eh=false']],
])('setjmp and longjmp by %s', (_, flags) => {
  test.each([1, 2, 7])('jump the same suspended at every %ith poll and moved', async (every) => {
    const bytes = await compile('setjmp.c', flags);
    const { moves, polls, deepest, continuations, ...seen } = runSuspended(bytes, { args: ['10'], every });
    expect(moves).toBeGreaterThan(10);
    expect(seen).toEqual(runPlain(bytes, ['10']));
    expect(deepest + continuations + polls).toBeGreaterThan(0);
  });
});
