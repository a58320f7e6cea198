// `pnpm check`: every rule of the repository, all run, all reported. `pnpm fix` repairs what can be repaired.
import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { forbiddenImports } from './check-imports.ts';

const root = join(import.meta.dirname, '..');
const bin = (name: string): string => join(root, 'node_modules', '.bin', name);

export interface CheckResult {
  readonly name: string;
  readonly ok: boolean;
  readonly output: string;
}

/** Runs all checks, two at a time, and resolves with one result each; never rejects. */
export async function runChecks(options: { fix?: boolean } = {}): Promise<CheckResult[]> {
  const projects = globSync(
    ['packages/*/tsconfig*.json', 'e2e/tsconfig.json', 'bench/tsconfig.json', 'tools/tsconfig.json'],
    { cwd: root },
  );
  const checks: (() => Promise<CheckResult>)[] = [
    () =>
      run('lint and format', bin('biome'), ['check', ...(options.fix ? ['--write'] : []), '--error-on-warnings', '.']),
    () =>
      run('chart and manifests', process.execPath, [
        join(root, 'packages', 'release', 'src', 'check-chart.node.ts'),
        ...(options.fix ? ['--fix'] : []),
      ]),
    () => run('types', bin('tsc'), ['-b', ...projects.sort()]),
    () => run('unused code', bin('knip'), ['--no-config-hints']),
    async () => {
      const problems = forbiddenImports(root);
      return { name: 'import rules', ok: problems.length === 0, output: problems.join('\n') };
    },
  ];
  const results: CheckResult[] = [];
  const worker = async (): Promise<void> => {
    for (let next = checks.shift(); next; next = checks.shift()) results.push(await next());
  };
  await Promise.all([worker(), worker()]);
  return results;
}

function run(name: string, command: string, args: readonly string[]): Promise<CheckResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const collect = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', (error) => resolve({ name, ok: false, output: String(error) }));
    child.on('close', (code) => resolve({ name, ok: code === 0, output }));
  });
}

if (import.meta.main) {
  const results = await runChecks({ fix: process.argv.includes('--fix') });
  for (const { name, ok, output } of results) {
    console.log(`${ok ? 'ok  ' : 'FAIL'} ${name}`);
    if (!ok) console.log(output.trimEnd());
  }
  process.exitCode = results.every(({ ok }) => ok) ? 0 : 1;
}
