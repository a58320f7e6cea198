// Which package may import which (docs/architecture.md draws the arrows). Tests may import more than the code.
import { globSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';

const PACKAGES: Readonly<Record<string, { code: readonly string[]; tests?: readonly string[] }>> = {
  protocol: { code: [] },
  'oci-client': { code: [], tests: ['playground', 'testkit'] },
  wasi: { code: [], tests: ['browsers', 'testkit'] },
  suspend: { code: [], tests: ['browsers', 'testkit', 'wasi'] },
  browsers: { code: [] },
  playground: { code: [] },
  agent: { code: ['protocol', 'wasi', 'suspend'], tests: ['browsers', 'testkit'] },
  node: { code: ['protocol', 'oci-client', 'suspend'], tests: ['playground', 'testkit'] },
  testkit: { code: ['agent', 'browsers', 'node', 'oci-client', 'playground', 'protocol', 'suspend', 'wasi'] },
  cli: {
    code: ['agent', 'browsers', 'node', 'oci-client', 'playground', 'protocol', 'suspend', 'wasi'],
    tests: ['testkit'],
  },
  release: { code: ['agent', 'cli', 'oci-client', 'playground'] },
};

const IMPORT = /(?:^|[\s;])(?:import|export)\s(?:[^'"]*?\sfrom\s*)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g;

/** Every import that crosses a package border where the table above has no arrow, or goes around a package's door. */
export function forbiddenImports(root: string): string[] {
  const problems: string[] = [];
  for (const file of globSync('packages/*/{src,test}/**/*.ts', { cwd: root })) {
    const [, owner] = file.split(sep) as [string, string];
    const rule = PACKAGES[owner];
    if (!rule) {
      problems.push(`${file}: package "${owner}" has no row in tools/check-imports.ts`);
      continue;
    }
    const isTest = /\.test\.ts$|\/test\//.test(file);
    const allowed = new Set([...rule.code, ...(isTest ? (rule.tests ?? []) : [])]);
    for (const match of readFileSync(join(root, file), 'utf8').matchAll(IMPORT)) {
      const target = match[1] ?? match[2] ?? '';
      const other = /^@wigeon\/([^/]+)/.exec(target)?.[1];
      if (other && other !== owner && !allowed.has(other)) problems.push(`${file}: ${owner} may not import ${target}`);
      if (/^(\.\.\/)+(packages|protocol|node|agent|cli)\/src/.test(target))
        problems.push(`${file}: import the package, not ${target}`);
    }
  }
  return problems;
}
