import { port, type SaveSlot } from '../instrument/layout.ts';
import { encodeModule } from '../module/encode.ts';
import { valueType } from '../module/value-type.ts';
import { ByteWriter } from '../module/writer.ts';
import type { Frame } from './frame.ts';

/**
 * The host functions that instrumented code calls through its port table, collecting frames innermost first.
 * A table holds only WebAssembly functions, so a small module imports them and exports them again.
 */
export class Port {
  /** Frames of the capture under way. */
  frames: Frame[] = [];
  #ints: number[] = [];
  #longs: bigint[] = [];
  #references: unknown[] = [];

  install(table: WebAssembly.Table, saves: readonly SaveSlot[], poll: () => number): void {
    const signatures = [
      { params: [] as number[], results: [valueType.i32], call: poll },
      { params: [valueType.funcref], results: [], call: this.#reference },
      { params: [valueType.externref], results: [], call: this.#reference },
      ...saves.map(({ ints, longs }) => ({
        params: [
          ...Array<number>(ints).fill(valueType.i32),
          ...Array<number>(longs).fill(valueType.i64),
          valueType.i32,
        ],
        results: [],
        call: this.#saver(ints, longs),
      })),
    ];
    const imports: Record<string, (...values: never[]) => unknown> = {};
    signatures.forEach(({ call }, i) => {
      imports[i] = call;
    });
    const module = new WebAssembly.Module(relay(signatures));
    const { exports } = new WebAssembly.Instance(module, { p: imports });
    for (let i = 0; i < port.saves + saves.length; i++) table.set(i, exports[i]);
  }

  /** The frames captured since the last call, innermost first. */
  take(): Frame[] {
    const { frames } = this;
    this.frames = [];
    return frames;
  }

  readonly #reference = (value: unknown): void => {
    this.#references.push(value);
  };

  #close(offset: number): void {
    if (offset < 0) return;
    this.frames.push({
      offset,
      order: 'saved',
      ints: this.#ints,
      longs: this.#longs,
      references: this.#references,
    });
    this.#ints = [];
    this.#longs = [];
    this.#references = [];
  }

  #saver(ints: number, longs: number): (...values: (number | bigint)[]) => void {
    if (longs === 0) {
      return (...values) => {
        const offset = values.pop() as number;
        if (this.#ints.length === 0) this.#ints = values as number[];
        else this.#ints.push(...(values as number[]));
        this.#close(offset);
      };
    }
    return (...values) => {
      for (let i = 0; i < ints; i++) this.#ints.push(values[i] as number);
      for (let i = 0; i < longs; i++) this.#longs.push(values[ints + i] as bigint);
      this.#close(values[ints + longs] as number);
    };
  }
}

/** A module that imports functions of these parameters as `p.0`, `p.1` … and exports them under the same names. */
function relay(
  signatures: readonly { params: readonly number[]; results: readonly number[] }[],
): Uint8Array<ArrayBuffer> {
  const types = new ByteWriter(256).u32(signatures.length);
  const imports = new ByteWriter(256).u32(signatures.length);
  const exports = new ByteWriter(256).u32(signatures.length);
  signatures.forEach(({ params, results }, i) => {
    types
      .u8(0x60)
      .u32(params.length)
      .put(...params)
      .u32(results.length)
      .put(...results);
    imports.name('p').name(String(i)).u8(0).u32(i);
    exports.name(String(i)).u8(0).u32(i);
  });
  return encodeModule([
    { id: 1, bytes: types.view() },
    { id: 2, bytes: imports.view() },
    { id: 7, bytes: exports.view() },
  ]);
}
