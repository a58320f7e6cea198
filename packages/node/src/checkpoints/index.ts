export {
  type CheckpointChain,
  type CheckpointRecord,
  CheckpointStore,
  type ContainerCheckpoints,
} from './checkpoint-store.ts';
