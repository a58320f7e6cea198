import { OciError } from '../error.ts';

/** Reads `length` bytes at `offset`, fewer only at the end of the file. */
export type ReadAt = (offset: number, length: number) => Promise<Uint8Array>;

export type WasmKind = 'module' | 'component' | 'other';

// Known section ids and the order in which they must stand (core specification 5.5.2; tag before global: exceptions).
const ORDER = new Map([1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11].map((id, at) => [id, at]));

/** Module or component by the eight bytes of the header: bytes 6 and 7 are the layer, zero for a module. */
export function wasmKind(head: Uint8Array): WasmKind {
  if (head.length < 4 || head[0] !== 0 || head[1] !== 0x61 || head[2] !== 0x73 || head[3] !== 0x6d) return 'other';
  return head.length >= 8 && (head[6] !== 0 || head[7] !== 0) ? 'component' : 'module';
}

/**
 * Checks magic, version and that the sections fill the file exactly, each once and in order; what is in them the engine
 * checks. So a truncated or damaged file is found here and not by an agent. Reads section headers only.
 *
 * @throws OciError `no_wasm`, `wasm_component`, `wasm_malformed` with the byte offset
 */
export async function checkModule(size: number, readAt: ReadAt, name: string): Promise<void> {
  const malformed = (offset: number, why: string): OciError =>
    new OciError('wasm_malformed', `${name} is not a valid Wasm module: ${why} (at byte ${offset})`);
  const head = await readAt(0, 8);
  const kind = wasmKind(head);
  if (kind === 'other') throw new OciError('no_wasm', `no Wasm in this image: ${name} does not begin with \\0asm`);
  if (kind === 'component') {
    throw new OciError(
      'wasm_component',
      `${name} is a WASI preview 2 component; this node runs core modules (wasm32-wasip1)`,
    );
  }
  if (head.length < 8) throw malformed(head.length, 'it ends inside the header');
  if (head[4] !== 1 || head[5] !== 0) throw malformed(4, `version ${head[4]! + 256 * head[5]!} is unknown`);
  let last = -1;
  for (let at = 8; at < size; ) {
    const header = await readAt(at, 6);
    const id = header[0]!;
    const length = leb128(header.subarray(1));
    if (length === undefined) throw malformed(at + 1, 'the size of a section is cut off or longer than 32 bits');
    if (id !== 0) {
      const order = ORDER.get(id);
      if (order === undefined) throw malformed(at, `section ${id} is unknown`);
      if (order <= last) throw malformed(at, `section ${id} stands twice or in the wrong place`);
      last = order;
    }
    const end = at + 1 + length.bytes + length.value;
    if (end > size)
      throw malformed(
        at,
        `section ${id} says ${length.value} bytes and the file ends after ${size - at - 1 - length.bytes}`,
      );
    at = end;
  }
}

function leb128(bytes: Uint8Array): { value: number; bytes: number } | undefined {
  let value = 0;
  for (let at = 0; at < Math.min(5, bytes.length); at++) {
    value += (bytes[at]! & 0x7f) * 2 ** (7 * at);
    if ((bytes[at]! & 0x80) === 0) return value < 2 ** 32 ? { value, bytes: at + 1 } : undefined;
  }
  return undefined;
}
