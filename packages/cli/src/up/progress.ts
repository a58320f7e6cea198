/** Says what is being done and how long it took: one rewritten line on a terminal, plain lines elsewhere. */
export class Progress {
  readonly #out: NodeJS.WriteStream;
  #step: { title: string; startedAt: number; timer: NodeJS.Timeout | undefined } | undefined;
  #detail = '';

  constructor(out: NodeJS.WriteStream = process.stderr) {
    this.#out = out;
  }

  /** Begins a step and ends the one before. */
  step(title: string): void {
    this.done();
    const timer = this.#out.isTTY ? setInterval(() => this.#draw(), 1000).unref() : undefined;
    this.#step = { title, startedAt: performance.now(), timer };
    if (this.#out.isTTY) this.#draw();
    else this.#out.write(`- ${title}\n`);
  }

  /** What the running step does now. */
  detail(line: string): void {
    this.#detail = line;
    if (this.#out.isTTY) this.#draw();
    else this.#out.write(`    ${line}\n`);
  }

  /** Ends the running step. */
  done(): void {
    const step = this.#step;
    if (!step) return;
    clearInterval(step.timer);
    this.#step = undefined;
    this.#detail = '';
    if (this.#out.isTTY) this.#out.write(`\r\x1b[K✓ ${step.title} ${seconds(step.startedAt)}\n`);
  }

  #draw(): void {
    if (!this.#step) return;
    const text = `… ${this.#step.title} ${seconds(this.#step.startedAt)} ${this.#detail}`;
    this.#out.write(`\r\x1b[K${text.slice(0, (this.#out.columns || 80) - 1)}`);
  }
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}
