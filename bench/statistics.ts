/** The value below which this share (0 to 1) of the values lie. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}

/** `median (10th–90th percentile)`, rounded. */
export function summary(values: readonly number[], digits: number = 0): string {
  const show = (value: number): string => value.toFixed(digits);
  return `${show(quantile(values, 0.5))} (${show(quantile(values, 0.1))}–${show(quantile(values, 0.9))})`;
}

/** A row of a Markdown table. */
export function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
