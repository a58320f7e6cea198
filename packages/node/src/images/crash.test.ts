import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addImage, digestOf, FakeRegistry, moduleOfSize, noiseOf } from '@wigeon/oci-client/test';
import { expect, test } from 'vitest';
import { ImageStore } from './index.ts';
import { readPart } from './module-store.ts';

const ROUNDS = 20;
const NAMES = ['a:1', 'b:1', 'c:1'];

test(`killed ${ROUNDS} times in the middle of pulls, the store is never wrong afterwards`, async () => {
  await using registry = await FakeRegistry.start();
  const directory = await mkdtemp(join(tmpdir(), 'wigeon-crash-'));
  const contents = new Map<string, string>();
  const base = [{ name: 'base', content: noiseOf(400_000, 9) }];
  for (const [at, name] of NAMES.entries()) {
    const module = moduleOfSize(300_000, at + 1);
    const layers = [
      base,
      [{ name: 'app.wasm', content: module }],
      Array.from({ length: 200 }, (_, file) => ({ name: `f${file}`, content: `${name} ${file}` })),
    ];
    await addImage(registry, name.split(':')[0]!, '1', { layers });
    contents.set(name, digestOf(module));
  }
  // The kill comes when so many answers have begun: a point of the pull and not of the clock.
  let answers = 0;
  let killAfter = Number.POSITIVE_INFINITY;
  let victim: ChildProcess | undefined;
  registry.intercept(() => {
    if (++answers >= killAfter) setTimeout(() => victim?.kill('SIGKILL'), Math.random() * 40);
    return false;
  });
  try {
    let complete = 0;
    for (let round = 0; round < ROUNDS; round++) {
      answers = 0;
      killAfter = 1 + Math.floor(Math.random() * 12);
      victim = spawn(
        process.execPath,
        [join(import.meta.dirname, 'fixtures/pull-until-killed.node.ts'), directory, registry.host, ...NAMES],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      let said = '';
      victim.stdout?.on('data', (chunk) => {
        said += chunk;
        // Everything was here already: nothing more to wait for.
        if (said.includes(NAMES.at(-1)!)) victim?.kill('SIGKILL');
      });
      const [, signal] = await once(victim, 'close');
      expect(signal).toBe('SIGKILL');
      complete += await check(directory, registry, contents);
      // Begin anew now and then, so that the first pull is hit as well.
      if (complete > 0 && round % 3 === 2) await rm(directory, { recursive: true });
    }
    const after = await ImageStore.open({ directory, plainHttp: [registry.host] });
    for (const name of NAMES) {
      const { bundle } = await after.ensure({
        image: `${registry.host}/${name}`,
        pullPolicy: 'IfNotPresent',
        signal: new AbortController().signal,
      });
      expect(bundle.module.digest).toBe(contents.get(name));
    }
    await after[Symbol.asyncDispose]();
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}, 300_000);

/** Opens the store as a restarted node does; whatever it says it has must be there, byte for byte. */
async function check(
  directory: string,
  registry: FakeRegistry,
  contents: ReadonlyMap<string, string>,
): Promise<number> {
  const store = await ImageStore.open({ directory, plainHttp: [registry.host] });
  try {
    expect(await readdir(join(directory, 'tmp'))).toEqual([]);
    const present = store.list().flatMap(({ names }) => names.filter((name) => name.endsWith(':1')));
    for (const image of present) {
      const { bundle, pulled } = await store
        .ensure({ image, pullPolicy: 'Never', signal: new AbortController().signal })
        .catch((error) => {
          // A kill between the records leaves content without the note of who may have it: it is asked for again.
          expect(error.code).toBe('ErrImageNeverPull');
          return { bundle: undefined, pulled: null };
        });
      expect(pulled).toBeNull();
      if (!bundle) continue;
      expect(bundle.module.digest).toBe(contents.get(image.slice(image.indexOf('/') + 1)));
      for (const entry of bundle.files) if (entry.type === 'file') await verify(store, entry.digest);
      await verify(store, bundle.module.digest);
    }
    return present.length;
  } finally {
    await store[Symbol.asyncDispose]();
  }
}

async function verify(store: ImageStore, digest: string): Promise<void> {
  const location = await store.blob(digest);
  if (!location) throw new Error(`${digest} is missing`);
  const hash = createHash('sha256');
  for await (const chunk of readPart(location)) hash.update(chunk);
  expect(`sha256:${hash.digest('hex')}`).toBe(digest);
}
