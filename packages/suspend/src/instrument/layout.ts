import type { Site } from '../analysis/sites.ts';
import type { Module } from '../module/decode.ts';
import { SuspendError } from '../module/error.ts';
import { valueType } from '../module/value-type.ts';

/** Version of what instrumented modules and their run time agree on; frames of another version are not read. */
export const layoutVersion = 1;

/**
 * A value of a frame: a local of the original function, an operand at a height of its stack, or what identifies an
 * exception that a legacy handler may rethrow.
 */
export interface Slot {
  readonly kind: 'local' | 'operand' | 'caught';
  readonly index: number;
  readonly type: number;
}

/**
 * The values of a frame at a site in the order in which they are saved and restored. Floats travel as integers (a
 * JavaScript number may lose a NaN's payload), a v128 as two i64.
 */
export function frameSlots(site: Site, localTypes: Uint8Array, caughtTypes: ArrayLike<number>): Slot[] {
  const slots: Slot[] = [];
  for (const index of site.live) slots.push({ kind: 'local', index, type: localTypes[index]! });
  site.operands.forEach((type, index) => {
    slots.push({ kind: 'operand', index, type });
  });
  for (const opener of site.caught) {
    for (let k = 0; k < caughtTypes.length; k++) {
      slots.push({ kind: 'caught', index: opener * caughtStride + k, type: caughtTypes[k]! });
    }
  }
  return slots;
}

/**
 * What a legacy handler keeps of the exception it handles, so that it can be thrown again elsewhere: the number of its
 * tag and one (0: an exception of the host), then the parameters of every tag of the module, one after the other.
 */
export function caughtTypes(module: Module): Uint8Array {
  const types = [valueType.i32 as number, ...module.tags.flatMap((tag) => [...module.types[tag]!.params])];
  if (types.length > caughtStride) {
    throw new SuspendError('module-unsupported', `exception tags with more than ${caughtStride - 1} parameters in all`);
  }
  return Uint8Array.from(types);
}

export const caughtStride = 128;

/** 'int' travels as i32, 'long' as one or two i64, 'reference' as itself, 'exception' as an index into a table. */
export function carrier(type: number): 'int' | 'long' | 'reference' | 'exception' {
  switch (type) {
    case valueType.i32:
    case valueType.f32:
      return 'int';
    case valueType.i64:
    case valueType.f64:
    case valueType.v128:
      return 'long';
    case valueType.exnref:
      return 'exception';
    default:
      return 'reference';
  }
}

/** Most values that one save call takes. */
export const maxInts = 12;
export const maxLongs = 6;

/** Signature of a save function: so many i32, so many i64, then the site (or -1: more of this frame follows). */
export interface SaveSlot {
  readonly ints: number;
  readonly longs: number;
}

/** Fixed entries of the port table; save functions follow. */
export const port = { poll: 0, saveFuncref: 1, saveExternref: 2, saves: 3 } as const;

/** A number for a slot, unique in its frame; ascending, locals first. */
export function slotKey({ kind, index, type }: Slot): number {
  return (kind === 'local' ? 0 : kind === 'operand' ? 2 ** 40 : 2 ** 41) + index * 256 + type;
}
