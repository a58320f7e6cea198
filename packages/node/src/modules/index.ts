export { SuspendableModules } from './suspendable-modules.ts';
