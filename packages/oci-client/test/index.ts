// The fault-injecting registry and hand-made images, for tests of this package and of those that pull.
export type { FakeAuth } from './fake-auth.ts';
export { digestOf, FakeRegistry, type RecordedRequest } from './fake-registry.ts';
export {
  addImage,
  compressed,
  emptyComponent,
  emptyModule,
  moduleOfSize,
  noiseOf,
  type TarItem,
  tarOf,
} from './images.ts';
