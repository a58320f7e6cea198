import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Probe } from './fixtures/probe.worker.ts';
import { closeEngines, type EngineRunOptions, engines, runInEngine } from './index.ts';

const probe = new URL('./fixtures/probe.worker.ts', import.meta.url);

const ADD = Uint8Array.from(
  [0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 97, 100, 100, 0, 0].concat([
    10, 9, 1, 7, 0, 32, 0, 32, 1, 106, 11,
  ]),
);

afterAll(closeEngines);

describe.each(engines)('in %s', (engine) => {
  const run = (input: Probe, options?: EngineRunOptions): Promise<unknown> =>
    runInEngine(engine, probe, input, options);

  test('carries values, bytes, big integers and nothing at all both ways', async () => {
    const value = {
      text: 'grüße ☃ \u2028',
      bytes: new Uint8Array([0, 127, 128, 255]),
      big: -(2n ** 63n),
      list: [null, 1.5],
    };
    expect(await run({ do: 'echo', value })).toEqual(value);
    expect(await run({ do: 'echo', value: undefined })).toBeUndefined();
    const large = new Uint8Array(3_000_000).map((_, at) => at % 251);
    expect(Buffer.from((await run({ do: 'echo', value: large })) as Uint8Array).equals(large)).toBe(true);
  });

  test('runs the module in a dedicated worker that runs WebAssembly', async () => {
    expect(await run({ do: 'report' })).toMatchObject({ engine, inWorker: true });
    expect(await run({ do: 'add', wasm: ADD })).toBe(42);
  });

  test('throws what the module throws, with name, message and stack', async () => {
    const error = (await run({ do: 'throw', message: 'no such bird' }).catch((thrown: unknown) => thrown)) as Error;
    expect(error).toMatchObject({ name: 'RangeError', message: 'no such bird' });
    expect(error.stack).toMatch(/^RangeError: no such bird\n[\s\S]*probe[\s\S]*in a worker of/);
  });

  test('gives the module files by bytes and by path', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'engine-files-'));
    try {
      await writeFile(join(directory, 'disk'), 'from disk');
      const files = { 'a/b c': new TextEncoder().encode('from memory'), disk: join(directory, 'disk') };
      const read = async (name: string): Promise<string> =>
        new TextDecoder().decode((await run({ do: 'read', name }, { files })) as Uint8Array);
      expect(await read('a/b c')).toBe('from memory');
      expect(await read('disk')).toBe('from disk');
      await expect(run({ do: 'report' }, { files: { gone: join(directory, 'gone') } })).rejects.toThrow(/ENOENT.*gone/);
      await expect(read('missing')).rejects.toThrow('no file "missing" was given to this call');
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test('ends a module that hangs, says what it logged, and goes on', async () => {
    await expect(run({ do: 'spin' }, { timeoutMs: 500 })).rejects.toThrow(
      /within 500 ms in \w+; it logged:\n {2}spinning/,
    );
    const lines: string[] = [];
    expect(await run({ do: 'echo', value: 1 }, { log: (line) => lines.push(line) })).toBe(1);
    expect(lines).toEqual(['echo of number']);
  });

  test('ends a module when its signal fires', async () => {
    const reason = new Error('enough');
    const signal = AbortSignal.abort(reason);
    await expect(run({ do: 'spin' }, { signal })).rejects.toBe(reason);
    const controller = new AbortController();
    const spinning = run({ do: 'spin' }, { signal: controller.signal });
    await run({ do: 'echo', value: 1 });
    controller.abort(reason);
    await expect(spinning).rejects.toBe(reason);
  });

  test('runs many calls at once, each in a worker of its own', async () => {
    const values = Array.from({ length: 8 }, (_, at) => at);
    expect(await Promise.all(values.map((value) => run({ do: 'echo', value })))).toEqual(values);
  });

  test('isolates the page on request', async () => {
    const expected = engine === 'node' ? null : true;
    expect(await run({ do: 'report' }, { isolated: true })).toMatchObject({ isolated: expected });
    if (engine !== 'node') expect(await run({ do: 'report' })).toMatchObject({ isolated: false });
    if (engine === 'chromium' || engine === 'firefox')
      expect(await run({ do: 'report' }, { isolated: true })).toMatchObject({ sharedMemory: true });
  });
});

test('says what is wrong with a module that cannot be bundled or has no default export', async () => {
  await expect(runInEngine('node', '/nowhere/module.ts', 1)).rejects.toThrow('/nowhere/module.ts');
  await expect(runInEngine('node', new URL('./call.ts', import.meta.url), 1)).rejects.toThrow(/default/);
});
