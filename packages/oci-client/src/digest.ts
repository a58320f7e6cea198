/** `sha256:HEX` or `sha512:HEX`, lower case (image-spec descriptor.md, "Digests"). */
export type Digest = `${DigestAlgorithm}:${string}`;
export type DigestAlgorithm = 'sha256' | 'sha512';

/** A running hash; WebCrypto has none, so the platform brings it. */
export interface Hasher {
  update(chunk: Uint8Array): void;
  /** Lower-case hex. Nothing may be added afterwards. */
  hex(): string;
}

export type CreateHasher = (algorithm: DigestAlgorithm) => Hasher;

const GRAMMAR = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

export function isDigest(text: unknown): text is Digest {
  return typeof text === 'string' && GRAMMAR.test(text);
}

export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256';
}

/** The part after the colon. */
export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

export function digestOf(bytes: Uint8Array, createHasher: CreateHasher, algorithm: DigestAlgorithm = 'sha256'): Digest {
  const hasher = createHasher(algorithm);
  hasher.update(bytes);
  return `${algorithm}:${hasher.hex()}`;
}
