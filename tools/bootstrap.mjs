// The one file that runs on the user's own Node (20 or later) with plain npm: it brings pnpm, Node 24 and the
// dependencies through the npm registry, then hands over to the pinned Node.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const stampFile = join(root, 'node_modules', '.wigeon-installed');
const pinnedNode = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
const entries = {
  start: ['packages/cli/src/main.ts', 'up'],
  test: ['tools/test.ts'],
  setup: ['tools/test.ts', '--setup-only'],
};

const [command, ...args] = process.argv.slice(2);
const entry = entries[command];
if (!entry) {
  console.error(`bootstrap: unknown command "${command ?? ''}"; use one of: ${Object.keys(entries).join(', ')}`);
  process.exit(2);
}
if (Number(process.versions.node.split('.')[0]) < 20) {
  console.error(`wigeon needs Node 20 or later to start (found ${process.versions.node})`);
  process.exit(1);
}

install();
const env = { ...process.env, PATH: [join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter) };
const result = spawnSync(pinnedNode, [join(root, entry[0]), ...entry.slice(1), ...args], {
  cwd: root,
  stdio: 'inherit',
  env,
});
if (result.error) throw result.error;
process.exit(result.status ?? 1);

/** Installs the dependencies unless the lock file and manifests are those of the last install. */
function install() {
  const wanted = manifestsHash();
  if (existsSync(pinnedNode) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wanted) return;
  const version = /^ {2}pnpm: (\d\S*)$/m.exec(readFileSync(join(root, 'pnpm-workspace.yaml'), 'utf8'))?.[1];
  console.error(`installing dependencies with pnpm ${version} (once; about half a minute)`);
  const local = join(root, 'node_modules', '.bin', 'pnpm');
  const pnpm = existsSync(local) ? [local] : ['npm', 'exec', '--yes', `pnpm@${version}`, '--'];
  const done = spawnSync(pnpm[0], [...pnpm.slice(1), 'install', '--frozen-lockfile'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (done.error?.code === 'ENOENT') {
    console.error('npm was not found on PATH: install Node.js with npm, then run this again');
    process.exit(1);
  }
  if (done.status !== 0) process.exit(done.status ?? 1);
  writeFileSync(stampFile, wanted);
}

function manifestsHash() {
  const hash = createHash('sha256');
  const manifests = ['package.json', 'pnpm-workspace.yaml', 'pnpm-lock.yaml', 'e2e/package.json', 'bench/package.json'];
  for (const name of readdirSync(join(root, 'packages'))) manifests.push(`packages/${name}/package.json`);
  for (const file of manifests)
    if (existsSync(join(root, file))) hash.update(file).update(readFileSync(join(root, file)));
  return hash.digest('hex');
}
