import { accessSync, constants, globSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { BrowserName } from './browser.ts';
import { BrowserError } from './error.ts';

export interface FoundBrowser {
  readonly name: BrowserName;
  /** The browser's program; for WebKitGTK that is MiniBrowser. */
  readonly executable: string;
}

/** Debian packages that bring each browser and what is needed to drive it. */
export const debianPackages: Readonly<Record<BrowserName, readonly string[]>> = {
  chromium: ['chromium'],
  firefox: ['firefox-esr'],
  webkit: ['webkit2gtk-driver', 'xvfb'],
};

/** The browsers of this machine that can be driven now, looked up on PATH. */
export function findBrowsers(): FoundBrowser[] {
  const found: FoundBrowser[] = [];
  const add = (name: BrowserName, executable: string | undefined): void => {
    if (executable) found.push({ name, executable });
  };
  add('chromium', programOnPath('chromium', 'chromium-browser', 'google-chrome'));
  add('firefox', programOnPath('firefox-esr', 'firefox'));
  if (programOnPath('WebKitWebDriver') && programOnPath('Xvfb')) add('webkit', miniBrowser());
  return found;
}

/** The program of one browser. Throws BROWSER_NOT_INSTALLED with the packages that bring it. */
export function executableOf(name: BrowserName): string {
  const found = findBrowsers().find((browser) => browser.name === name);
  if (!found)
    throw new BrowserError(
      'BROWSER_NOT_INSTALLED',
      `${name} is not installed: on Debian, apt-get install ${debianPackages[name].join(' ')}`,
    );
  return found.executable;
}

/** The first of the programs that PATH has, as a path. */
export function programOnPath(...names: readonly string[]): string | undefined {
  for (const name of names) {
    for (const directory of (process.env.PATH ?? '').split(delimiter)) {
      const path = join(directory, name);
      if (directory && isExecutable(path)) return path;
    }
  }
  return undefined;
}

function miniBrowser(): string | undefined {
  // Debian keeps MiniBrowser beside the library of its architecture, Fedora under libexec; neither is on PATH.
  return globSync(['/usr/lib/*/webkit2gtk-4.*/MiniBrowser', '/usr/libexec/webkit2gtk-4.*/MiniBrowser'])
    .sort()
    .reverse()
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
