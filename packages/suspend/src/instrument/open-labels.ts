/** A construct that is open in the output. */
export interface OpenLabel {
  readonly opener: number;
  /** Labels that the output has and the original has not, outside of this construct's own label, in all. */
  readonly extraSum: number;
  /** `end`s to write behind the construct's own. */
  readonly closes: number;
  /**
   * The part that a continuation resumes inside; or `identified`: the body of a `try` around which another one notes
   * what is thrown.
   */
  readonly resumed: 'body' | 'arm' | 'identified' | undefined;
}

/** The constructs that are open in the output, and the depths of labels, which differ where labels were added. */
export class OpenLabels {
  #labels: OpenLabel[] = [];
  /** Labels already open around the construct that is pushed next, to be closed with it. */
  enclosed = 0;

  reset(): void {
    this.#labels = [{ opener: -1, extraSum: 0, closes: 0, resumed: undefined }];
    this.enclosed = 0;
  }

  get top(): OpenLabel {
    return this.#labels.at(-1)!;
  }

  /** The construct that a branch of the original's depth names. */
  at(depth: number): OpenLabel {
    return this.#labels[this.#labels.length - 1 - depth]!;
  }

  /** `extra`: labels written outside of the construct's own and closed by whoever pushes it. */
  push(opener: number, extra = 0, resumed?: OpenLabel['resumed']): void {
    const { enclosed } = this;
    this.enclosed = 0;
    this.#labels.push({ opener, extraSum: this.top.extraSum + extra + enclosed, closes: enclosed, resumed });
  }

  pop(): OpenLabel {
    return this.#labels.pop()!;
  }

  /** The depth in the output of the label that is at `depth` in the original. */
  depth(depth: number): number {
    return depth + this.top.extraSum - this.at(depth).extraSum;
  }

  /** The depth in the output of the function's own label. */
  get functionDepth(): number {
    return this.depth(this.#labels.length - 1);
  }
}
