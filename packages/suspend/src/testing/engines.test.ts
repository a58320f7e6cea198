import { closeEngines, engines, runInEngine } from '@wigeon/testkit';
import { afterAll, describe, expect, test } from 'vitest';
import { compile } from './compile.ts';
import type { Observed } from './differential.ts';
import type { Task } from './engine.worker.ts';

const worker = new URL('./engine.worker.ts', import.meta.url);
const ask = <Output>(engine: (typeof engines)[number], task: Task): Promise<Output> =>
  runInEngine<Task, Output>(engine, worker, task, { timeoutMs: 120_000 });

afterAll(closeEngines);

describe.each(engines)('in %s', (engine) => {
  test.each([
    ['fib.c', ['9']],
    ['fannkuch.c', ['4']],
    ['interp.c', ['60']],
    ['sort.c', ['40']],
    ['tree.c', ['4']],
  ])('%s does the same suspended at each poll, each second, seventh and thousandth', async (file, args) => {
    const bytes = await compile(file);
    const runs = await ask<{ want: Observed; seen: Observed; moves: number }[]>(engine, {
      do: 'differential',
      bytes,
      args,
      every: [1, 2, 7, 1000],
    });
    for (const { want, seen } of runs) expect(seen).toEqual(want);
    expect(runs[0]!.moves).toBeGreaterThan(0);
  });

  test('generated modules behave the same', async () => {
    const { different, moves } = await ask<{ different: string[]; moves: number }>(engine, {
      do: 'generated',
      seeds: [1, 12],
      // WebKit does not unwind through an import that is called indirectly, see docs/suspend.md.
      importsInTable: engine !== 'webkit',
    });
    expect(different).toEqual([]);
    expect(moves).toBeGreaterThan(100);
  });
});

describe('a snapshot', () => {
  const args = ['2000'];
  test.each(engines)('taken in %s goes on in every engine', async (from) => {
    const bytes = await compile('sort.c');
    const want = await ask<{ want: Observed }[]>('node', { do: 'differential', bytes, args, every: [100_000_000] });
    const taken = await ask<{ state: string; snapshot: Uint8Array; output: string }>(from, {
      do: 'take',
      bytes,
      args,
      stopAt: 4000,
    });
    expect(taken.state).toBe('suspended');
    for (const engine of engines) {
      const seen = await ask(engine, { do: 'restore', bytes, args, snapshot: taken.snapshot, output: taken.output });
      expect(seen).toEqual({ state: 'finished', output: want[0]!.want.output });
    }
  });
});
