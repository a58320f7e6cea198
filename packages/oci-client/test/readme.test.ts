// The examples of README.md run as they stand, against a registry of their own.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { addImage, FakeRegistry } from './index.ts';

const readme = await readFile(join(import.meta.dirname, '../README.md'), 'utf8');
const examples = [...readme.matchAll(/^## (.+?)$[\s\S]*?^```ts\n([\s\S]*?)^```/gm)].map(([, title, code]) => ({
  title: title!,
  code: code!,
}));

const expected: Readonly<Record<string, RegExp>> = {
  'Read an image': /^sha256:[0-9a-f]{64}: first layer of \d+ bytes, verified$/,
  'Push a module': /^127\.0\.0\.1:\d+\/empty@sha256:[0-9a-f]{64}$/,
  Credentials: /^1$/,
  Errors: /^invalid_reference$/,
};

test('every example has an expectation', () => {
  expect(examples.map(({ title }) => title)).toEqual(Object.keys(expected));
});

test.each(examples)('$title', async ({ title, code }) => {
  await using registry = await FakeRegistry.start();
  await addImage(registry, 'hello', '1');
  const directory = await mkdtemp(join(tmpdir(), 'wigeon-readme-'));
  await mkdir(join(directory, 'node_modules/@wigeon'), { recursive: true });
  await symlink(join(import.meta.dirname, '..'), join(directory, 'node_modules/@wigeon/oci-client'));
  const file = join(directory, 'example.ts');
  await writeFile(file, code.replaceAll('localhost:5000', registry.host));
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [file]);
    expect(stdout.trim()).toMatch(expected[title]!);
  } finally {
    await rm(directory, { recursive: true });
  }
});
