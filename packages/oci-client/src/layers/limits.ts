import { OciError } from '../error.ts';

/** Bounds for what an image may unpack to. */
export interface LayerLimits {
  /** Tar entries of all layers together. */
  readonly entries: number;
  /** Uncompressed bytes of all layers together. */
  readonly bytes: number;
  /** Uncompressed bytes per compressed byte of one layer, looked at from `ratioFrom` uncompressed bytes on. */
  readonly ratio: number;
  readonly ratioFrom: number;
}

export const defaultLayerLimits: LayerLimits = {
  entries: 100_000,
  bytes: 4 * 2 ** 30,
  // Sources and text reach 20; gzip cannot do more than about 1030, and only with zeros.
  ratio: 200,
  ratioFrom: 64 * 2 ** 20,
};

/** Counts one image's layers against the limits; several layers may be unpacked at once. */
export class LayerBudget {
  readonly #limits: LayerLimits;
  #entries = 0;
  #bytes = 0;

  constructor(limits: Partial<LayerLimits> = {}) {
    this.#limits = { ...defaultLayerLimits, ...limits };
  }

  /** @throws OciError `layer_limit` */
  addEntry(): void {
    if (++this.#entries > this.#limits.entries) {
      throw new OciError('layer_limit', `the image has more than ${this.#limits.entries} files and directories`);
    }
  }

  /**
   * @param output uncompressed bytes of this layer so far, `input` the compressed ones they came from
   * @throws OciError `layer_limit`
   */
  addBytes(added: number, output: number, input: number): void {
    const { bytes, ratio, ratioFrom } = this.#limits;
    this.#bytes += added;
    if (this.#bytes > bytes) throw new OciError('layer_limit', `the image unpacks to more than ${bytes} bytes`);
    if (output > ratioFrom && output > ratio * input) {
      throw new OciError('layer_limit', `a layer unpacks to more than ${ratio} times its ${input} compressed bytes`);
    }
  }
}
