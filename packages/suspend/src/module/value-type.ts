/** Value types by their byte in the binary format. */
export const valueType = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
  funcref: 0x70,
  externref: 0x6f,
  exnref: 0x69,
} as const;

export type ValueTypeName = keyof typeof valueType;

const names = new Map<number, ValueTypeName>(
  (Object.entries(valueType) as [ValueTypeName, number][]).map(([name, byte]) => [byte, name]),
);

export function isValueType(byte: number): boolean {
  return (byte >= 0x7b && byte <= 0x7f) || byte === 0x70 || byte === 0x6f || byte === 0x69;
}

export function isReference(byte: number): boolean {
  return byte === 0x70 || byte === 0x6f || byte === 0x69;
}

export function valueTypeName(byte: number): ValueTypeName {
  return names.get(byte) ?? 'i32';
}
