import { describe, expect, test } from 'vitest';
import { runGeneratedPlain, runGeneratedSuspended } from './generated.ts';
import { generateModule } from './generator.ts';

describe.each(['none', 'legacy', 'try_table'] as const)('generated modules with exceptions: %s', (exceptions) => {
  test.each([
    { every: 0, move: false, blockEach: 0 },
    { every: 1, move: true, blockEach: 0 },
    { every: 2, move: true, blockEach: 3 },
    { every: 7, move: false, blockEach: 2 },
  ])(
    'behave the same suspended at each $every-th poll, moved: $move, blocked at each $blockEach-th call',
    (options) => {
      for (let seed = 1; seed <= 15; seed++) {
        const bytes = generateModule(seed, { exceptions, depth: 4 + (seed % 3), functions: 3 + (seed % 4) });
        const { moves, polls, snapshots, ...seen } = runGeneratedSuspended(bytes, { ...options, most: 60 });
        expect({ seed, ...seen }).toEqual({ seed, ...runGeneratedPlain(bytes) });
      }
    },
  );
});
