export { type EngineName, engines } from './engine.ts';
export { closeEngines, type EngineContext, type EngineRunOptions, runInEngine } from './run.ts';
