// `pnpm fuzz --minutes N [--seed S]`: generated modules, plain against suspended; damaged modules and snapshots.
// Prints what it did, and for each difference how to see it again; exit code 1 if there is any.
import { parseArgs } from 'node:util';
import { instrument } from '../packages/suspend/src/instrument/instrument.ts';
import { SuspendError } from '../packages/suspend/src/module/error.ts';
import { decodeSnapshot } from '../packages/suspend/src/snapshot/format.ts';
import { runGeneratedPlain, runGeneratedSuspended } from '../packages/suspend/src/testing/generated.ts';
import { type GeneratorOptions, generateModule, Random } from '../packages/suspend/src/testing/generator.ts';
import { resealed } from '../packages/suspend/src/testing/reseal.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1000000' },
  },
});
const end = performance.now() + Number(values.minutes) * 60_000;
const counts = { modules: 0, runs: 0, suspensions: 0, damagedModules: 0, damagedSnapshots: 0, found: 0 };
const ends = new Map<string, number>();

function report(what: string, seed: number): void {
  counts.found++;
  console.log(`${what}\n  again: pnpm fuzz --minutes 0.05 --seed ${seed}`);
}

function differential(seed: number, exceptions: NonNullable<GeneratorOptions['exceptions']>): void {
  const random = new Random(seed);
  const bytes = generateModule(seed, {
    exceptions,
    depth: 3 + random.below(4),
    functions: 2 + random.below(6),
    importsInTable: random.chance(50),
  });
  const want = runGeneratedPlain(bytes);
  counts.modules++;
  ends.set(want.end, (ends.get(want.end) ?? 0) + 1);
  for (const every of [1, 2, 7, 1000]) {
    const options = {
      every,
      move: random.chance(70),
      asBytes: random.chance(30),
      blockEach: random.below(4),
      most: every === 1 ? 300 : 1000,
      ...(exceptions === 'none' && random.chance(50) ? { instrument: { exceptions: 'try_table' as const } } : {}),
    };
    const { moves, snapshots, polls, ...seen } = runGeneratedSuspended(bytes, options);
    counts.runs++;
    counts.suspensions += moves;
    if (JSON.stringify(seen) !== JSON.stringify(want)) {
      report(`seed ${seed} ${exceptions} ${JSON.stringify(options)}: ${want.end} became ${seen.end}`, seed);
    }
    for (const snapshot of snapshots.slice(0, 2)) damageSnapshot(snapshot, random, seed);
    void polls;
  }
  damageModule(bytes, random, seed);
}

function onlyOurErrors(what: string, seed: number, body: () => void): void {
  const start = performance.now();
  try {
    body();
  } catch (error) {
    if (!(error instanceof SuspendError)) report(`${what}: ${(error as Error).stack}`, seed);
  }
  if (performance.now() - start > 5000) report(`${what} took ${performance.now() - start} ms`, seed);
}

function damaged(bytes: Uint8Array, random: Random, from: number): Uint8Array {
  const copy = bytes.slice(0, random.chance(20) ? from + random.below(bytes.length - from) : bytes.length);
  for (let n = random.below(6); n >= 0; n--) {
    if (copy.length > from) copy[from + random.below(copy.length - from)] = random.below(256);
  }
  return copy;
}

function damageModule(bytes: Uint8Array, random: Random, seed: number): void {
  for (let i = 0; i < 20; i++) {
    counts.damagedModules++;
    onlyOurErrors('damaged module', seed, () => instrument(damaged(bytes, random, 8), { digest: '0'.repeat(64) }));
  }
}

function damageSnapshot(bytes: Uint8Array, random: Random, seed: number): void {
  // Mostly the part before the pages, where structure is.
  const head = bytes.subarray(0, Math.min(bytes.length, 4096));
  for (let i = 0; i < 20; i++) {
    counts.damagedSnapshots++;
    const bad = damaged(random.chance(80) ? head : bytes, random, 12);
    onlyOurErrors('damaged snapshot', seed, () => decodeSnapshot(resealed(bad)));
  }
}

for (let seed = Number(values.seed); performance.now() < end; seed++) {
  for (const exceptions of ['none', 'legacy', 'try_table'] as const) {
    try {
      differential(seed, exceptions);
    } catch (error) {
      report(`seed ${seed} ${exceptions}: ${(error as Error).stack}`, seed);
    }
  }
}
console.log(JSON.stringify({ ...counts, ends: Object.fromEntries(ends) }, undefined, 2));
process.exitCode = counts.found > 0 ? 1 : 0;
