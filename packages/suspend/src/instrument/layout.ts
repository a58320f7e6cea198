import type { Site } from '../analysis/sites.ts';
import { valueType } from '../module/value-type.ts';

/** Version of what instrumented modules and their run time agree on; frames of another version are not read. */
export const layoutVersion = 1;

/** A value of a frame: a local of the original function, or an operand at a height of its stack. */
export interface Slot {
  readonly kind: 'local' | 'operand';
  readonly index: number;
  readonly type: number;
}

/**
 * The values of a frame at a site in the order in which they are saved and restored. Floats travel as integers (a
 * JavaScript number may lose a NaN's payload), a v128 as two i64.
 */
export function frameSlots(site: Site, localTypes: Uint8Array): Slot[] {
  const slots: Slot[] = [];
  for (const index of site.live) slots.push({ kind: 'local', index, type: localTypes[index]! });
  site.operands.forEach((type, index) => {
    slots.push({ kind: 'operand', index, type });
  });
  return slots;
}

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
