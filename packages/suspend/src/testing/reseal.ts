/** A snapshot with the checksum that its (damaged) content has, to get behind that check. */
export function resealed(bytes: Uint8Array): Uint8Array {
  const table = Uint32Array.from({ length: 256 }, (_, n) => {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
    return c;
  });
  let crc = 0xffffffff;
  for (let i = 12; i < bytes.length; i++) crc = (crc >>> 8) ^ table[(crc ^ bytes[i]!) & 0xff]!;
  const sealed = bytes.slice();
  if (sealed.length >= 12) new DataView(sealed.buffer).setUint32(8, (crc ^ 0xffffffff) >>> 0, true);
  return sealed;
}
