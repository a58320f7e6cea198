export { type SuspendableModule, SuspendableModules } from './suspendable-modules.ts';
