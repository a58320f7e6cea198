import { join } from 'node:path';
import { closeEngines, engines, runInEngine } from '@wigeon/testkit/engines';
import { compileC } from '@wigeon/testkit/programs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compileGo } from './go-program.ts';
import type { WaitingResult, WaitingRun } from './waiting.worker.ts';

const worker = new URL('./waiting.worker.ts', import.meta.url);
const programs = join(import.meta.dirname, 'programs');

/** Who can wait how, each of them tried: with isolation for shared memory, without it for the others. */
const ways = {
  shared: ['node', 'chromium', 'firefox'],
  promise: ['node', 'chromium', 'firefox'],
  sleep: ['node', 'chromium', 'firefox', 'webkit'],
} as const;

let go: Uint8Array;
beforeAll(async () => {
  go = await compileGo(join(programs, 'ticks.go'));
});
afterAll(closeEngines);

describe.each(['shared', 'promise', 'sleep'] as const)('waiting by %s', (kind) => {
  const run = (
    engine: (typeof engines)[number],
    program: Uint8Array,
    lines: WaitingRun['lines'],
  ): Promise<WaitingResult> =>
    runInEngine(engine, worker, { kind, lines } satisfies WaitingRun, {
      files: { program },
      isolated: kind === 'shared',
      timeoutMs: 60_000,
    });
  const able = engines.filter((engine) => (ways[kind] as readonly string[]).includes(engine));

  test.each(able)('in %s a Go timer ticks on while a goroutine waits for stdin', async (engine) => {
    const lines = [
      { after: 'tick 3\n', text: 'one\n' },
      { after: 'line one\n', text: 'twö\nthree\n' },
    ];
    expect(await run(engine, go, lines)).toMatchObject({
      code: 5,
      stdout: 'tick 1\ntick 2\ntick 3\nline one\nline twö\nline three\nend after the third tick: true\n',
    });
  });

  if (kind === 'sleep') return;
  test.each(able)('in %s a C program in poll gets what is fed while it waits', async (engine) => {
    const program = await compileC(join(programs, 'echo.c'), { name: 'echo' });
    const lines = [
      { after: '', text: 'first\n' },
      { after: 'got first\n', text: 'second\n' },
    ];
    expect(await run(engine, program, lines)).toMatchObject({ code: 0, stdout: 'got first\ngot second\nend\n' });
  });
});

test('an engine without promise integration says so by not choosing it', async () => {
  const program = await compileC(join(programs, 'echo.c'), { name: 'echo' });
  const run = { kind: 'promise', lines: [] } satisfies WaitingRun;
  expect(await runInEngine('webkit', worker, run, { files: { program } })).toEqual({ impossible: true });
});
