import { createHash } from 'node:crypto';
import type { CreateHasher } from '../digest.ts';

/** Hashes with Node's OpenSSL. */
export const createNodeHasher: CreateHasher = (algorithm) => {
  const hash = createHash(algorithm);
  return { update: (chunk) => void hash.update(chunk), hex: () => hash.digest('hex') };
};
