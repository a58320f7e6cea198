/** Fills the array; it may be of any size and may be a view on shared memory. */
export interface RandomSource {
  (into: Uint8Array): void;
  /** Of a generator with a state: what a saved program needs to draw the same numbers again. */
  save?(): string;
  restore?(state: string): void;
}

/** One call of crypto.getRandomValues gives this much at most (Web Cryptography, section 10.1.1). */
const QUOTA = 65_536;

/** The platform's cryptographic generator. */
export const platformRandom: RandomSource = (into) => {
  const shared = typeof SharedArrayBuffer === 'function' && into.buffer instanceof SharedArrayBuffer;
  for (let at = 0; at < into.length; at += QUOTA) {
    const part = into.subarray(at, at + QUOTA);
    if (shared) part.set(crypto.getRandomValues(new Uint8Array(part.length)));
    else crypto.getRandomValues(part as Uint8Array<ArrayBuffer>);
  }
};
