import { carrier, type Slot, slotKey } from '../instrument/layout.ts';
import { valueType } from '../module/value-type.ts';
import type { SiteInfo } from './continuation.ts';

/** Values by the way they travel, each list in the order of the slots they belong to. */
export interface Values {
  ints: number[];
  longs: bigint[];
  references: unknown[];
}

/** A captured frame: the site and the values in the order in which the function saved them. */
export interface Frame extends Values {
  readonly offset: number;
  /** Whether the values are in the order of `savedSlots` (as captured) or of `slots` (as continuations take them). */
  readonly order: 'saved' | 'resume';
}

/** The frame's values in the order in which continuations take them. */
export function resumeOrder(frame: Frame, info: SiteInfo): Values {
  if (frame.order === 'resume' || info.savedSlots === info.slots) return frame;
  const bySlot = split(frame, info.savedSlots);
  return join(info.slots.map((slot) => [slot, bySlot.get(slotKey(slot))] as const));
}

/** The values of each slot, by `slotKey`. Ints for 'int' and 'exception', one or two longs, or a reference. */
export function split(values: Values, slots: readonly Slot[]): Map<number, (number | bigint | unknown)[]> {
  const found = new Map<number, unknown[]>();
  let int = 0;
  let long = 0;
  let reference = 0;
  for (const slot of slots) {
    const kind = carrier(slot.type);
    if (kind === 'int' || kind === 'exception') found.set(slotKey(slot), [values.ints[int++]]);
    else if (kind === 'reference') found.set(slotKey(slot), [values.references[reference++]]);
    else if (slot.type === valueType.v128) found.set(slotKey(slot), [values.longs[long++], values.longs[long++]]);
    else found.set(slotKey(slot), [values.longs[long++]]);
  }
  return found;
}

/** The reverse of `split`; a slot without a value gets zero or null. */
export function join(slots: Iterable<readonly [Slot, readonly unknown[] | undefined]>): Values {
  const values: Values = { ints: [], longs: [], references: [] };
  for (const [slot, value] of slots) {
    const kind = carrier(slot.type);
    if (kind === 'int' || kind === 'exception') values.ints.push((value?.[0] as number | undefined) ?? 0);
    else if (kind === 'reference') values.references.push(value?.[0] ?? null);
    else {
      values.longs.push((value?.[0] as bigint | undefined) ?? 0n);
      if (slot.type === valueType.v128) values.longs.push((value?.[1] as bigint | undefined) ?? 0n);
    }
  }
  return values;
}
