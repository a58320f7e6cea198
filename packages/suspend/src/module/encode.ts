import type { FunctionType, Limits, Module, Section } from './decode.ts';
import { ByteReader } from './reader.ts';
import { ByteWriter } from './writer.ts';

/** Content of one section to write: bytes, or a range of an existing module. */
export interface SectionContent {
  readonly id: number;
  readonly bytes: Uint8Array;
}

/** A module from section contents, in the order given. */
export function encodeModule(sections: readonly SectionContent[]): Uint8Array<ArrayBuffer> {
  const total = sections.reduce((sum, section) => sum + section.bytes.length + 6, 8);
  const out = new ByteWriter(total);
  out.put(0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
  for (const { id, bytes } of sections) out.u8(id).u32(bytes.length).copy(bytes);
  // The estimate is exact or a few bytes over; hand out a view instead of a second copy of a large module.
  return out.bytes.subarray(0, out.length) as Uint8Array<ArrayBuffer>;
}

export function sectionBytes(module: Module, section: Section): Uint8Array {
  return module.bytes.subarray(section.start, section.end);
}

/** The content of a vector section with `count` further elements, already encoded, at its end. */
export function extendVector(content: Uint8Array | undefined, count: number, extra: Uint8Array): Uint8Array {
  const reader = new ByteReader(content ?? new Uint8Array([0]));
  const before = reader.u32();
  const out = new ByteWriter(reader.end + extra.length + 5);
  out
    .u32(before + count)
    .copy(reader.bytes, reader.pos, reader.end)
    .copy(extra);
  return out.view();
}

export function writeFunctionType(out: ByteWriter, type: FunctionType): void {
  out.u8(0x60).u32(type.params.length).copy(type.params).u32(type.results.length).copy(type.results);
}

export function writeLimits(out: ByteWriter, { min, max, index64 }: Limits): void {
  out.u8((max === undefined ? 0 : 1) | (index64 ? 4 : 0)).u64(min);
  if (max !== undefined) out.u64(max);
}

/** Function types by content, numbered after those a module already has. */
export class TypeTable {
  readonly #indexes = new Map<string, number>();
  readonly #added: FunctionType[] = [];
  readonly #base: number;

  constructor(existing: readonly FunctionType[]) {
    this.#base = existing.length;
    // The first of equal types wins, so the result does not depend on how often a type is repeated.
    existing.forEach((type, index) => {
      const key = typeKey(type.params, type.results);
      if (!this.#indexes.has(key)) this.#indexes.set(key, index);
    });
  }

  index(params: ArrayLike<number>, results: ArrayLike<number>): number {
    const key = typeKey(params, results);
    let index = this.#indexes.get(key);
    if (index === undefined) {
      index = this.#base + this.#added.length;
      this.#added.push({ params: Uint8Array.from(params), results: Uint8Array.from(results) });
      this.#indexes.set(key, index);
    }
    return index;
  }

  get added(): readonly FunctionType[] {
    return this.#added;
  }

  encodeAdded(): Uint8Array {
    const out = new ByteWriter(64);
    for (const type of this.#added) writeFunctionType(out, type);
    return out.view();
  }
}

function typeKey(params: ArrayLike<number>, results: ArrayLike<number>): string {
  return `${Array.from(params).join()}>${Array.from(results).join()}`;
}
