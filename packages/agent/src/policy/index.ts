export { identifyEngine } from './engine.ts';
export { engineFeatures } from './features.ts';
export { computeOffer } from './offer.ts';
