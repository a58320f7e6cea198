import type { Offer } from '@wigeon/protocol';

/** Memory offered where the engine does not tell how much there is (Firefox, WebKit), in bytes. */
const UNKNOWN_MEMORY_BYTES = 2 * 1024 ** 3;
/** The part of the machine's memory that is lent: the visitor's own pages need the rest. */
const MEMORY_SHARE = 0.5;
const FEWEST_CONTAINERS = 4;
const CONTAINERS_PER_CORE = 4;

/**
 * What a machine lends. Most programs wait or are short, so there are more containers than cores.
 *
 * Not counted yet: Chromium keeps a terminated busy worker running for 2 s (browser.md section 0, fact 7); the limits
 * issue takes that core out of the offer meanwhile, through `Agent.setOffer`.
 * @param cores as `navigator.hardwareConcurrency` says; WebKit reports coarsely (4 on a machine with 2)
 * @param memoryBytes of the whole machine, if known
 */
export function computeOffer(cores: number, memoryBytes?: number): Offer {
  return {
    cpuMillis: cores * 1000,
    memoryBytes: Math.floor(memoryBytes === undefined ? UNKNOWN_MEMORY_BYTES : memoryBytes * MEMORY_SHARE),
    containers: Math.max(FEWEST_CONTAINERS, CONTAINERS_PER_CORE * cores),
  };
}
