// The fault-injecting registry and hand-made images, for tests of this package and of those that pull.
export type { FakeAuth } from './fake-auth.ts';
export { digestOf, FakeRegistry, type RecordedRequest } from './fake-registry.ts';
export {
  addImage,
  compressed,
  emptyComponent,
  emptyModule,
  moduleOfSize,
  moduleThatExits,
  noiseOf,
  type TarItem,
  tarOf,
} from './images.ts';
export { requirePrograms } from './tools/debian-packages.ts';
export { type DebianRegistry, debianUser, startDebianRegistry } from './tools/debian-registry.ts';
export { startReferrersRegistry } from './tools/go-containerregistry.ts';
