import { decodeModule } from './decode.ts';
import { limits } from './limits.ts';
import { ByteReader } from './reader.ts';

/** Function names of the module's name section, by index; empty where there is none or it is damaged. */
export function functionNames(bytes: Uint8Array): Map<number, string> {
  const names = new Map<number, string>();
  try {
    const module = decodeModule(bytes);
    for (const section of module.sections) {
      if (section.id !== 0) continue;
      const r = new ByteReader(bytes, section.start, section.end);
      if (r.name(limits.nameBytes) !== 'name') continue;
      while (r.pos < r.end) {
        const kind = r.u8();
        const length = r.u32();
        const end = r.pos + length;
        if (kind === 1) {
          for (let n = r.count(limits.functions, 'names'); n > 0; n--) {
            const index = r.u32();
            names.set(index, r.name(limits.nameBytes));
          }
        }
        r.pos = end;
      }
    }
  } catch {
    // Names are a courtesy: a module runs without them, so a damaged section must not be an error here.
  }
  return names;
}
