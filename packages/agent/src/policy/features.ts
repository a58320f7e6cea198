import { canShareMemory } from '../guest/index.ts';

/**
 * What this engine can do beyond the common ground, by trying it: `shared-memory` (posted to workers), `jspi`.
 * Placement may ask for a feature.
 */
export function engineFeatures(): string[] {
  const features: string[] = [];
  if (canShareMemory()) features.push('shared-memory');
  if ('Suspending' in WebAssembly) features.push('jspi');
  return features;
}
