import type { FunctionCode } from '../analysis/function-code.ts';
import type { Site } from '../analysis/sites.ts';
import { op } from '../module/opcodes.ts';

/**
 * How a frame is captured: by a landing pad of the site's own (what it saves lives across the site anyway, so the
 * normal path costs next to nothing, but it takes space), or by the function's handler, to which a local tells the
 * site.
 */
export type CaptureShape = 'pad' | 'handler';

/** With this many sites or fewer a handler saves no space. */
const fewSites = 2;

/** The sites that leave their frame to the function's handler: those outside of loops, where there are enough. */
export function handledSites(code: FunctionCode, sites: readonly Site[]): ReadonlySet<Site> {
  // A pad inside a user's try would throw into its handlers: the function's handler takes everything then.
  if (code.exceptions !== 'none') return new Set(sites);
  const handled = new Set<Site>();
  let loopEnd = -1;
  let at = 0;
  for (const site of sites) {
    for (; at <= site.instruction; at++) if (code.code[at] === op.loop) loopEnd = Math.max(loopEnd, code.a[at]!);
    if (site.kind === 'call' && site.instruction > loopEnd) handled.add(site);
  }
  if (handled.size <= fewSites) handled.clear();
  return handled;
}
