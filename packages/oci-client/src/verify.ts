import { type CreateHasher, type Digest, digestAlgorithm, digestHex } from './digest.ts';
import { OciError } from './error.ts';

/** Counts and hashes bytes against what was promised; throws as soon as there are too many. */
export class Verifier {
  readonly #expected: { readonly digest: Digest; readonly size: number };
  readonly #hasher: ReturnType<CreateHasher>;
  #received = 0;

  constructor(expected: { readonly digest: Digest; readonly size: number }, createHasher: CreateHasher) {
    this.#expected = expected;
    this.#hasher = createHasher(digestAlgorithm(expected.digest));
  }

  get received(): number {
    return this.#received;
  }

  /** @throws OciError `size_mismatch` */
  update(chunk: Uint8Array): void {
    const { digest, size } = this.#expected;
    this.#received += chunk.length;
    if (this.#received > size) {
      throw new OciError('size_mismatch', `${digest} has more than the ${size} bytes that its descriptor says`, {
        retryable: true,
      });
    }
    this.#hasher.update(chunk);
  }

  /** @throws OciError `size_mismatch`, `digest_mismatch` */
  finish(): void {
    const { digest, size } = this.#expected;
    if (this.#received < size) {
      throw new OciError('size_mismatch', `${digest} ended after ${this.#received} of ${size} bytes`, {
        retryable: true,
      });
    }
    const hex = this.#hasher.hex();
    if (hex !== digestHex(digest)) {
      throw new OciError('digest_mismatch', `what was received as ${digest} has the digest ${hex}`, {
        retryable: true,
      });
    }
  }
}
