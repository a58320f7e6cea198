// One table of cases, every line of it a call and its outcome, the same in all engines. The golden files are our answers
// (`vitest -u` rewrites them); wasmtime is asked too, and every difference from it has its reason written down.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { closeEngines, engines, runInEngine } from '@wigeon/testkit/engines';
import { compileC } from '@wigeon/testkit/programs';
import { afterAll, describe, expect, test } from 'vitest';
import type { ProgramResult, ProgramRun } from './run-program.worker.ts';
import { runInWasmtime } from './wasmtime.ts';
import { differences } from './wasmtime-differences.ts';

const directory = join(import.meta.dirname, 'cases');
const worker = new URL('./run-program.worker.ts', import.meta.url);
const header = readFileSync(join(directory, 'cases.h'), 'utf8');

const env = { PLAIN: 'value', UNICODE: 'äöü€😀', EMPTY: '', EQUALS: 'a=b=c' };
const programs = ['environment', 'files', 'invalid', 'kinds', 'open', 'paths', 'poll', 'readdir', 'rename', 'rights'];
/** wasmtime ends the program for values that the specification does not list. */
const withoutReference = ['invalid'];

function compile(name: string): Promise<Uint8Array> {
  const source = readFileSync(join(directory, `${name}.c`), 'utf8').replace('#include "cases.h"', () => header);
  return compileC(source, { name });
}

const args = (name: string): string[] => [name, 'ünïcödé', '', 'three words here', '😀'];
const lines = (stdout: string, code: number): string => `${stdout}exit ${code}\n`;

afterAll(closeEngines);

describe.each(engines)('in %s', (engine) => {
  test.each(programs)('the cases of %s have the expected outcomes', async (name) => {
    const { stdout, stderr, code } = await runInEngine<ProgramRun, ProgramResult>(
      engine,
      worker,
      { args: args(name), env },
      { files: { program: await compile(name) }, timeoutMs: 60_000 },
    );
    expect(stderr).toBe('');
    await expect(lines(stdout, code)).toMatchFileSnapshot(join(directory, 'golden', `${name}.txt`));
  });
});

test('wasmtime gives the same outcomes, but for differences with a reason, each of which is still there', async () => {
  const unexplained: string[] = [];
  const used = new Set<RegExp>();
  for (const name of programs.filter((program) => !withoutReference.includes(program))) {
    const { stdout, code } = await runInWasmtime(await compile(name), { args: args(name), env });
    const theirs = lines(stdout, code).split('\n');
    const ours = readFileSync(join(directory, 'golden', `${name}.txt`), 'utf8').split('\n');
    let section = '';
    for (let i = 0; i < Math.max(ours.length, theirs.length); i++) {
      const line = ours[i] ?? '';
      if (line.startsWith('-- ')) section = `${line.slice(3)}: `;
      if (line === theirs[i]) continue;
      const known = differences.find(({ cases }) => cases.test(`${name}: ${section}${line}`));
      if (known) used.add(known.cases);
      else unexplained.push(`${name}: ${section}${line}, wasmtime: ${theirs[i]}`);
    }
  }
  expect(unexplained).toEqual([]);
  expect(differences.filter(({ cases, sometimes }) => !sometimes && !used.has(cases))).toEqual([]);
});
