// The bytes of a saved state: a magic number, the length of a JSON text, the text, then the chunks that it points into.
import { WasiError } from '../error.ts';
import type { DescriptorState, NodeReference, NodeState, TreeState, WasiState } from './state.ts';

const MAGIC = 'wasi-state-1\n';
const HEAD_BYTES = MAGIC.length + 4;
const MAX_JSON_BYTES = 1 << 28;

/** A state as bytes, for a snapshot. `decodeState` gives it back. */
export function encodeState(state: WasiState): Uint8Array {
  const blobs: Uint8Array[] = [];
  let blobBytes = 0;
  const text = JSON.stringify(state, (_key, value: unknown) => {
    if (typeof value === 'bigint') return { $n: String(value) };
    if (!(value instanceof Uint8Array)) return value;
    blobs.push(value);
    blobBytes += value.length;
    return { $b: [blobBytes - value.length, value.length] };
  });
  const json = new TextEncoder().encode(text);
  const encoded = new Uint8Array(HEAD_BYTES + json.length + blobBytes);
  encoded.set(new TextEncoder().encode(MAGIC));
  new DataView(encoded.buffer).setUint32(MAGIC.length, json.length, true);
  encoded.set(json, HEAD_BYTES);
  let at = HEAD_BYTES + json.length;
  for (const blob of blobs) {
    encoded.set(blob, at);
    at += blob.length;
  }
  return encoded;
}

/** The state in these bytes, with every field checked: a snapshot is never trusted. Throws `bad-state`. */
export function decodeState(encoded: Uint8Array): WasiState {
  const head = new TextDecoder('latin1').decode(encoded.subarray(0, MAGIC.length));
  if (head !== MAGIC || encoded.length < HEAD_BYTES) throw bad('it does not begin like one');
  const view = new DataView(encoded.buffer, encoded.byteOffset, encoded.byteLength);
  const length = view.getUint32(MAGIC.length, true);
  const blobs = HEAD_BYTES + length;
  if (length > MAX_JSON_BYTES || blobs > encoded.length) throw bad('its text is longer than it is');
  let parsed: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(encoded.subarray(HEAD_BYTES, blobs));
    parsed = JSON.parse(text, (_key, value: unknown) => revive(value, encoded.subarray(blobs)));
  } catch (cause) {
    if (cause instanceof WasiError) throw cause;
    throw bad('its text is not JSON', cause);
  }
  return state(parsed, 'state');
}

function bad(why: string, cause?: unknown): WasiError {
  return new WasiError('bad-state', `the saved state cannot be read: ${why}`, { cause });
}

function revive(value: unknown, blobs: Uint8Array): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if ('$n' in value) {
    if (typeof value.$n !== 'string' || !/^\d{1,20}$/.test(value.$n)) throw bad('a number in it is none');
    return BigInt(value.$n);
  }
  if ('$b' in value) {
    const [at, length] = Array.isArray(value.$b) ? (value.$b as unknown[]) : [];
    if (!isCount(at) || !isCount(length) || at + length > blobs.length) throw bad('a chunk lies outside of it');
    return blobs.slice(at, at + length);
  }
  return value;
}

type Reader<T> = (value: unknown, path: string) => T;

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function check<T>(test: (value: unknown) => value is T, what: string): Reader<T> {
  return (value, path) => {
    if (!test(value)) throw bad(`${path} is not ${what}`);
    return value;
  };
}

const count = check(isCount, 'a whole number');
const time = check((value): value is number => typeof value === 'number' && Number.isFinite(value), 'a time');
const bigint = check((value): value is bigint => typeof value === 'bigint', 'a big integer');
const text = check((value): value is string => typeof value === 'string', 'a text');
const boolean = check((value): value is boolean => typeof value === 'boolean', 'true or false');
const bytes = check((value): value is Uint8Array => value instanceof Uint8Array, 'bytes');
const timestamp: Reader<number | bigint> = (value, path) => (typeof value === 'bigint' ? value : time(value, path));

function list<T>(item: Reader<T>): Reader<T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw bad(`${path} is not a list`);
    return value.map((element, i) => item(element, `${path}[${i}]`));
  };
}

function optional<T>(item: Reader<T>): Reader<T | undefined> {
  return (value, path) => (value === undefined ? undefined : item(value, path));
}

function object<T extends object>(fields: { readonly [Key in keyof T]-?: Reader<T[Key]> }): Reader<T> {
  return (value, path) => {
    if (typeof value !== 'object' || value === null) throw bad(`${path} is not an object`);
    const read: Partial<T> = {};
    for (const key of Object.keys(fields) as (keyof T & string)[]) {
      read[key] = fields[key]((value as Partial<T>)[key], `${path}.${key}`);
    }
    return read as T;
  };
}

/** A tuple of three. */
function triple<A, B, C>(a: Reader<A>, b: Reader<B>, c: Reader<C>): Reader<readonly [A, B, C]> {
  return (value, path) => {
    if (!Array.isArray(value) || value.length !== 3) throw bad(`${path} is not a list of three`);
    return [a(value[0], path), b(value[1], path), c(value[2], path)];
  };
}

const name: Reader<string> = (value, path) => {
  const read = text(value, path);
  if (read === '' || read === '.' || read === '..' || /[/\0]/.test(read)) throw bad(`${path} is not a file name`);
  return read;
};

const chunk: Reader<readonly [number, Uint8Array]> = (value, path) => {
  if (!Array.isArray(value) || value.length !== 2) throw bad(`${path} is not a chunk`);
  const content = bytes(value[1], path);
  if (content.length > 1 << 16) throw bad(`${path} is longer than a chunk`);
  return [count(value[0], path), content];
};

const reference = object<NodeReference>({ mount: count, ino: optional(count), path: optional(text) });
const node = { ino: count, nlink: count, atime: timestamp, mtime: timestamp, ctime: timestamp };
const descriptor = { fd: count, flags: count, rightsBase: bigint, rightsInheriting: bigint };

function kindOf(value: unknown): unknown {
  return (value as { kind?: unknown } | null)?.kind;
}

function withKind<K extends string, T extends object>(kind: K, read: Reader<T>): Reader<T & { kind: K }> {
  return (value, path) => ({ ...read(value, path), kind });
}

const readNode: Reader<NodeState> = (value, path) => {
  const kind = kindOf(value);
  if (kind === 'file') {
    const fields = object({ ...node, size: count, sourceSize: count, whole: boolean, chunks: list(chunk) });
    return withKind(kind, fields as Reader<Omit<NodeState & { kind: 'file' }, 'kind'>>)(value, path);
  }
  if (kind === 'directory') {
    const fields = object({ ...node, nextCookie: count, entries: list(triple(name, count, count)) });
    return withKind(kind, fields as Reader<Omit<NodeState & { kind: 'directory' }, 'kind'>>)(value, path);
  }
  if (kind === 'symlink') {
    return withKind(kind, object({ ...node, target: text }) as Reader<Omit<NodeState & { kind: 'symlink' }, 'kind'>>)(
      value,
      path,
    );
  }
  throw bad(`${path}.kind is not a kind of node`);
};

const readDescriptor: Reader<DescriptorState> = (value, path) => {
  const kind = kindOf(value);
  switch (kind) {
    case 'stdin':
    case 'stdout':
    case 'stderr':
      return { ...(object(descriptor)(value, path) as DescriptorState), kind } as DescriptorState;
    case 'file':
      return { ...object({ ...descriptor, node: reference, position: count })(value, path), kind } as DescriptorState;
    case 'directory':
      return {
        ...object({ ...descriptor, node: reference, preopen: optional(text) })(value, path),
        kind,
      } as DescriptorState;
    case 'socket':
      return { ...object({ ...descriptor, socket: optional(count) })(value, path), kind } as DescriptorState;
    default:
      throw bad(`${path}.kind is not a kind of descriptor`);
  }
};

const state: Reader<WasiState> = object<WasiState>({
  descriptors: list(readDescriptor),
  trees: list(object<TreeState>({ generation: count, since: count, nextIno: count, nodes: list(readNode) })),
  clock: object({ realtime: time, monotonic: time, cpu: time }),
  streams: object({ stdin: count, stdout: count, stderr: count }),
  pollStarted: optional(time),
  random: optional(text),
});
