export {
  type CheckpointChain,
  type CheckpointKey,
  type CheckpointRecord,
  CheckpointStore,
  type ContainerCheckpoints,
} from './checkpoint-store.ts';
