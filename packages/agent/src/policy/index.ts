export { engineFeatures } from './features.ts';
export { computeOffer } from './offer.ts';
