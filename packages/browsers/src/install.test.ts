import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterEach, expect, test } from 'vitest';
import { findBrowsers } from './find.ts';
import { installBrowsers } from './install.ts';

const path = process.env.PATH ?? '';
afterEach(() => {
  process.env.PATH = path;
});

test('has nothing to do where all browsers are installed', async () => {
  const lines: string[] = [];
  await installBrowsers({ log: (line) => lines.push(line) });
  expect(lines).toEqual([]);
  expect(findBrowsers().map(({ name }) => name)).toEqual(['chromium', 'firefox', 'webkit']);
});

test('names the packages where it may not install them', async () => {
  const empty = await mkdtemp(`${tmpdir()}/empty-path-`);
  process.env.PATH = empty;
  await expect(installBrowsers({ names: ['firefox', 'webkit'], root: false })).rejects.toMatchObject({
    code: 'BROWSER_NOT_INSTALLED',
    message: expect.stringContaining('firefox-esr webkit2gtk-driver xvfb'),
  });
  expect(findBrowsers()).toEqual([]);
  await rm(empty, { recursive: true });
});
