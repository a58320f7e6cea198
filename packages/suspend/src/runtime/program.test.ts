import { describe, expect, test } from 'vitest';
import { compile } from '../testing/compile.ts';
import { runPlain, runSuspended } from '../testing/differential.ts';

const programs: Record<string, { args: string[]; flags?: string[] }> = {
  fib: { args: ['12'] },
  nbody: { args: ['10'] },
  fannkuch: { args: ['5'] },
  gemm: { args: ['1'], flags: ['-O2', '-DSIZE=12'] },
  interp: { args: ['100'] },
  sha: { args: ['8'] },
  sort: { args: ['60'] },
  tree: { args: ['5'] },
};

describe.each(Object.entries(programs))('%s, suspended', (name, { args, flags }) => {
  test.each([1, 2, 7, 1000])(
    'at every %ith poll and moved to a new instance, does what it does undisturbed',
    async (every) => {
      const bytes = await compile(`${name}.c`, flags);
      const { polls, moves, continuations, deepest, ...seen } = runSuspended(bytes, { args, every, most: 200 });
      expect(seen).toEqual(runPlain(bytes, args));
      expect(moves).toBe(Math.min(200, Math.floor(polls / every)));
      if (moves > 0) expect(continuations).toBeGreaterThan(0);
      if (moves > 0) expect(deepest).toBeGreaterThan(0);
    },
  );

  test.each(['legacy', 'try_table'] as const)(
    'does the same with %s exceptions, suspended in place',
    async (exceptions) => {
      const bytes = await compile(`${name}.c`, flags);
      const run = runSuspended(bytes, { args, every: 3, move: false, instrument: { exceptions } });
      expect({ output: run.output, end: run.end, memory: run.memory }).toEqual(runPlain(bytes, args));
    },
  );
});
