import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findBrowsers } from './find.ts';
import { installBrowsers } from './install.ts';

const path = process.env.PATH ?? '';
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'install-test-'));
});
afterEach(async () => {
  process.env.PATH = path;
  await rm(directory, { recursive: true });
});

async function aptGet(script: string): Promise<void> {
  await writeFile(join(directory, 'apt-get'), `#!/bin/sh\n${script}\n`);
  await chmod(join(directory, 'apt-get'), 0o755);
  process.env.PATH = directory;
}

test('has nothing to do where all browsers are installed', async () => {
  const lines: string[] = [];
  await installBrowsers({ log: (line) => lines.push(line) });
  expect(lines).toEqual([]);
  expect(findBrowsers().map(({ name }) => name)).toEqual(['chromium', 'firefox', 'webkit']);
});

test('names the packages where it may not install them', async () => {
  await aptGet('exit 1');
  await expect(installBrowsers({ names: ['firefox', 'webkit'], root: false })).rejects.toMatchObject({
    code: 'BROWSER_NOT_INSTALLED',
    message: expect.stringMatching(/only root.*firefox-esr webkit2gtk-driver xvfb/),
  });
  expect(findBrowsers()).toEqual([]);
  process.env.PATH = join(directory, 'empty');
  await expect(installBrowsers({ names: ['chromium'], root: true })).rejects.toThrow(/no apt-get.*chromium/);
});

test('installs what is missing and shows what it does', async () => {
  await aptGet(`echo "$@" >>${directory}/calls; echo working
    [ "$1" = update ] || { echo '#!/bin/sh' >${directory}/chromium; /bin/chmod +x ${directory}/chromium; }`);
  const lines: string[] = [];
  await installBrowsers({ names: ['chromium'], root: true, log: (line) => lines.push(line) });
  expect(lines).toEqual(['installing chromium', 'working', 'working']);
  expect(await readFile(join(directory, 'calls'), 'utf8')).toBe(
    'update -q\ninstall -q -y --no-install-recommends chromium\n',
  );
});

test('tells what apt-get said when it fails, and when it brought nothing', async () => {
  await aptGet('echo "E: Unable to locate package" >&2; exit 100');
  await expect(installBrowsers({ names: ['firefox'], root: true })).rejects.toThrow(
    /exited with 100:\nE: Unable to locate package/,
  );
  await aptGet('exit 0');
  await expect(installBrowsers({ names: ['firefox'], root: true })).rejects.toThrow('yet not found: firefox');
});
