// JSON that also carries bytes and big integers, as objects with one reserved key. Runs in every engine.

const BYTES = '$bytes';
const BIGINT = '$bigint';

/** JSON text of a value made of what JSON has, `Uint8Array` and `bigint`. Throws on objects that use a reserved key. */
export function encodeTagged(value: unknown): string {
  // `undefined` has no JSON; it travels as the empty text.
  return (
    JSON.stringify(value, (key, part: unknown) => {
      if (part instanceof Uint8Array) return { [BYTES]: toBase64(part) };
      if (typeof part === 'bigint') return { [BIGINT]: String(part) };
      if ((key === BYTES || key === BIGINT) && typeof part !== 'string')
        throw new TypeError(`the key "${key}" is reserved for the value's transport`);
      return part;
    }) ?? ''
  );
}

/** The value that `encodeTagged` was given. */
export function decodeTagged(text: string): unknown {
  if (text === '') return undefined;
  return JSON.parse(text, (_key, part: unknown) => {
    if (typeof part !== 'object' || part === null) return part;
    if (BYTES in part) return fromBase64(part[BYTES] as string);
    if (BIGINT in part) return BigInt(part[BIGINT] as string);
    return part;
  });
}

// btoa and atob, because Uint8Array.prototype.toBase64 is not in every engine yet (Node 24 lacks it).
function toBase64(bytes: Uint8Array): string {
  const pieces: string[] = [];
  for (let at = 0; at < bytes.length; at += 0x8000) {
    pieces.push(String.fromCharCode(...bytes.subarray(at, at + 0x8000)));
  }
  return btoa(pieces.join(''));
}

function fromBase64(text: string): Uint8Array {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}
