// Error numbers travel as exceptions inside the host and leave it as the i32 result of a call (witx `errno`).

/** A failed call. One frozen instance per number: throwing it captures no stack, so a missing file stays cheap. */
export class Errno extends Error {
  override readonly name = 'Errno';
  readonly errno: number;

  constructor(errno: number) {
    super(`WASI errno ${errno}`);
    this.errno = errno;
  }
}

const instances = new Map<number, Errno>();

/** The exception for an error number of the witx `errno` type; `throw errno(wasi.ERRNO_NOENT)`. */
export function errno(number: number): Errno {
  let instance = instances.get(number);
  if (!instance) {
    instance = new Errno(number);
    instances.set(number, instance);
  }
  return instance;
}
