import { describe, expect, test } from 'vitest';
import { instrument } from '../instrument/instrument.ts';
import { exported } from '../instrument/names.ts';
import { Program } from '../runtime/program.ts';
import { SuspendableModule } from '../runtime/suspendable-module.ts';
import { captureState } from '../snapshot/state.ts';
import { compile } from '../testing/compile.ts';
import { runPlain } from '../testing/differential.ts';
import { WasiStub } from '../testing/wasi-stub.ts';
import { exportModule } from './export.ts';

describe('an exported module', () => {
  test.each([
    ['fib.c', ['14'], 100],
    ['sort.c', ['200'], 900],
    ['tree.c', ['6'], 300],
    ['interp.c', ['500'], 50],
    ['sha.c', ['20'], 700],
    ['nbody.c', ['20'], 200],
  ])('of %s finishes what was begun, without us', async (file, args, stopAt) => {
    const bytes = await compile(file);
    const suspendable = new SuspendableModule(new WebAssembly.Module(instrument(bytes).bytes));
    const wasi = new WasiStub(args);
    let polls = 0;
    const imports = { wasi_snapshot_preview1: wasi.imports };
    const program = new Program(suspendable, imports, { atEachPoll: () => ++polls === stopAt });
    wasi.memory = program.instance.exports[exported.memory(0)] as WebAssembly.Memory;
    program.start();
    expect(program.run().state).toBe('suspended');
    const module = exportModule(suspendable.metadata, captureState(program), bytes);
    expect(WebAssembly.Module.exports(new WebAssembly.Module(module)).map(({ name }) => name)).not.toContain(
      exported.port,
    );
    const rest = new WasiStub(args);
    rest.output = wasi.output;
    const instance = new WebAssembly.Instance(new WebAssembly.Module(module), { wasi_snapshot_preview1: rest.imports });
    rest.memory = instance.exports.memory as WebAssembly.Memory;
    (instance.exports._start as () => void)();
    expect(rest.output).toBe(runPlain(bytes, args).output);
  });
});
