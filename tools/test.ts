// `npm test`: sets up what the tests need, runs every check and every test, and ends with one line of counts.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runChecks } from './check.ts';

const root = join(import.meta.dirname, '..');
const scratch = mkdtempSync(join(tmpdir(), 'wigeon-test-'));
const counts = { passed: 0, failed: 0, skipped: 0 };

step('setup: browsers and local Kubernetes');
const setupFailed = await setup();
if (process.argv.includes('--setup-only')) process.exit(setupFailed ? 1 : 0);

step('checks: types, lint, format, unused code, import rules');
for (const { name, ok, output } of await runChecks()) {
  console.log(`  ${ok ? 'ok  ' : 'FAIL'} ${name}`);
  if (!ok) console.log(output.trimEnd());
  counts[ok ? 'passed' : 'failed']++;
}

for (const project of ['unit', 'e2e']) {
  step(`tests: ${project}`);
  const report = join(scratch, `${project}.json`);
  const code = await run(join(root, 'node_modules', '.bin', 'vitest'), [
    'run',
    `--project=${project}`,
    '--passWithNoTests',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...process.argv.slice(2),
  ]);
  countReport(report, code);
}

rmSync(scratch, { recursive: true, force: true });
console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = counts.failed === 0 ? 0 : 1;

function step(title: string): void {
  console.log(`\n== ${title} (${Math.round(performance.now() / 1000)} s)`);
}

/** Browsers from the system's packages, and the control plane, built once. A failure is told, and counts as one. */
async function setup(): Promise<boolean> {
  const log = (line: string): void => console.log(`  ${line}`);
  try {
    const { installBrowsers } = await import('../packages/browsers/src/index.ts');
    await installBrowsers({ log });
    const { startPlayground } = await import('../packages/playground/src/index.ts');
    await (await startPlayground({ log }))[Symbol.asyncDispose]();
    return false;
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    counts.failed++;
    return true;
  }
}

/** Adds a vitest JSON report to the counts; a run that failed without a failed test (a crash, a hook) counts as one. */
function countReport(file: string, code: number): void {
  let failed = 0;
  try {
    const report = JSON.parse(readFileSync(file, 'utf8')) as {
      numPassedTests: number;
      numFailedTests: number;
      numPendingTests: number;
    };
    counts.passed += report.numPassedTests;
    counts.skipped += report.numPendingTests;
    failed = report.numFailedTests;
  } catch (error) {
    console.error(`no test report: ${String(error)}`);
  }
  counts.failed += code !== 0 ? Math.max(1, failed) : failed;
}

function run(command: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', (error) => {
      console.error(String(error));
      resolve(1);
    });
    child.on('close', (code) => resolve(code ?? 1));
  });
}
