// What waiting costs: CPU time of a 2 s sleep, and the time from feeding stdin to the program's answer.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { closeEngines, engines, runInEngine } from '@wigeon/testkit/engines';
import { compileC } from '@wigeon/testkit/programs';
import type { ProgramResult, ProgramRun } from '../packages/wasi/test/run-program.worker.ts';
import type { WaitingResult, WaitingRun } from '../packages/wasi/test/waiting.worker.ts';
import { row, summary } from './statistics.ts';

const tests = join(import.meta.dirname, '../packages/wasi/test');
const SLEEP =
  '#include <stdlib.h>\n#include <unistd.h>\nint main(int c, char **v) { return (int)sleep(atoi(v[1])); }\n';

/** `pnpm bench wasi-waiting` */
export async function run(): Promise<void> {
  const sleep = await compileC(SLEEP, { name: 'sleep' });
  const echo = await compileC(join(tests, 'programs/echo.c'), { name: 'echo' });
  console.log(
    'CPU time during a sleep of 2 s, less that of the same program without the sleep and of a timer in its place, in percent of the 2 s; stdin latency in ms, n=50',
  );
  console.log(
    row(['engine', 'isolated', 'sleeps by', 'CPU %', 'stdin by', 'latency, median (10th to 90th percentile)']),
  );
  console.log(row(['---', '---', '---', '---:', '---', '---:']));
  for (const engine of engines) {
    for (const isolated of [false, true]) {
      const nap = (seconds: number): Promise<ProgramResult> =>
        runInEngine(
          engine,
          join(tests, 'run-program.worker.ts'),
          { args: ['sleep', String(seconds)], blocking: 'best' } satisfies ProgramRun,
          {
            files: { program: sleep },
            isolated,
          },
        );
      const timer = (milliseconds: number): Promise<void> =>
        runInEngine(engine, join(tests, 'idle.worker.ts'), milliseconds, { isolated });
      let how = '';
      const least: Record<'slept' | 'started' | 'idle' | 'none', number> = { slept: 9, started: 9, idle: 9, none: 9 };
      // The least of three: a browser has work of its own now and then.
      for (let round = 0; round < 3; round++) {
        least.started = Math.min(least.started, await cpuDuring(() => nap(0)));
        least.none = Math.min(least.none, await cpuDuring(() => timer(0)));
        least.idle = Math.min(least.idle, await cpuDuring(() => timer(2000)));
        const sleeping = async (): Promise<void> => {
          how = (await nap(2)).waitedBy;
        };
        least.slept = Math.min(least.slept, await cpuDuring(sleeping));
      }
      const seconds = least.slept - least.started - (least.idle - least.none);
      let stdin = ['none', ''];
      for (const kind of ['promise', 'shared'] as const) {
        const lines = Array.from({ length: 50 }, (_, i) => ({
          after: i === 0 ? '' : `#${i - 1} `,
          text: `#${i} @%T\n`,
        }));
        const result = await runInEngine<WaitingRun, WaitingResult>(
          engine,
          join(tests, 'waiting.worker.ts'),
          { kind, lines },
          {
            files: { program: echo },
            isolated,
          },
        );
        if (result.latencies) stdin = [kind, summary(result.latencies, 2)];
      }
      console.log(row([engine, String(isolated), how, ((seconds / 2) * 100).toFixed(1), ...stdin]));
    }
  }
  await closeEngines();
}

/** CPU seconds of this process and all below it while `work` runs. */
async function cpuDuring(work: () => Promise<unknown>): Promise<number> {
  const before = cpuSeconds();
  await work();
  return cpuSeconds() - before;
}

function cpuSeconds(): number {
  const processes = readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const fields = readFileSync(`/proc/${name}/stat`, 'latin1')
        .replace(/^.*\) /s, '')
        .split(' ');
      return [{ pid: Number(name), parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }];
    } catch {
      return [];
    }
  });
  const ours = new Set([process.pid]);
  for (let size = 0; size !== ours.size; ) {
    size = ours.size;
    for (const { pid, parent } of processes) if (ours.has(parent)) ours.add(pid);
  }
  return processes.filter(({ pid }) => ours.has(pid)).reduce((sum, { ticks }) => sum + ticks, 0) / 100;
}
