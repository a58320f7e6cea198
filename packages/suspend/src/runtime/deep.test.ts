import { expect, test } from 'vitest';
import { compile } from '../testing/compile.ts';
import { runPlain, runSuspended } from '../testing/differential.ts';

// 16 bytes of the guest's own stack a frame, and a stack of 8 MB in linear memory.
const flags = ['-O1', '-Wl,-z,stack-size=8388608'];

test('a stack of thousands of frames is captured, moved and goes on, outer frames only when they are reached', async () => {
  const bytes = await compile('deep.c', flags);
  const args = ['5000'];
  const run = runSuspended(bytes, { args, every: 2500, most: 6 });
  expect(run.deepest).toBeGreaterThan(2000);
  expect({ output: run.output, end: run.end, memory: run.memory }).toEqual(runPlain(bytes, args));
});

test('recursion that would exhaust the engine stack goes on where suspensions take frames off it', async () => {
  const bytes = await compile('deep.c', flags);
  const args = ['100000'];
  const run = runSuspended(bytes, { args, every: 2000, move: false });
  expect(run.end).toBe('exit 0');
  expect(run.deepest).toBeGreaterThan(90_000);
});
