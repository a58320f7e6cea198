import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { type BrowserName, browserNames } from './browser.ts';
import { BrowserError } from './error.ts';
import { debianPackages, findBrowsers, programOnPath } from './find.ts';

export interface InstallOptions {
  /** Browsers to have; default all. */
  readonly names?: readonly BrowserName[];
  /** Receives progress, one line a call. */
  readonly log?: (line: string) => void;
  /** Whether this process may install packages; default: it runs as root. */
  readonly root?: boolean;
}

/**
 * Installs the Debian packages of the browsers that are missing; returns at once when none is.
 * Throws BROWSER_NOT_INSTALLED, naming the packages, where it has no apt-get or is not root.
 */
export async function installBrowsers(options: InstallOptions = {}): Promise<void> {
  const names = options.names ?? browserNames;
  const found = new Set(findBrowsers().map(({ name }) => name));
  const packages = names.filter((name) => !found.has(name)).flatMap((name) => debianPackages[name]);
  if (packages.length === 0) return;

  const root = options.root ?? process.getuid?.() === 0;
  const aptGet = programOnPath('apt-get');
  if (!root || !aptGet)
    throw new BrowserError(
      'BROWSER_NOT_INSTALLED',
      `browsers are missing and ${aptGet ? 'only root can' : 'this system has no apt-get to'} install them; ` +
        `the Debian packages are: ${packages.join(' ')} (apt-get install ${packages.join(' ')})`,
    );
  options.log?.(`installing ${packages.join(', ')}`);
  await run(aptGet, ['update', '-q'], options.log);
  await run(aptGet, ['install', '-q', '-y', '--no-install-recommends', ...packages], options.log);
  const still = names.filter((name) => !findBrowsers().some((browser) => browser.name === name));
  if (still.length > 0)
    throw new BrowserError(
      'BROWSER_NOT_INSTALLED',
      `installed ${packages.join(' ')}, yet not found: ${still.join(', ')}`,
    );
}

function run(command: string, args: readonly string[], log?: (line: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const tail: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        log?.(line);
        tail.push(line);
        if (tail.length > 20) tail.shift();
      });
    }
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve();
      else
        reject(
          new BrowserError('BROWSER_NOT_INSTALLED', `${command} ${args[0]} exited with ${code}:\n${tail.join('\n')}`),
        );
    });
  });
}
