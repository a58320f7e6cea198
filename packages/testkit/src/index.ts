export * from './cluster/index.ts';
export {
  closeEngines,
  type EngineContext,
  type EngineName,
  type EngineRunOptions,
  engines,
  runInEngine,
} from './engines/index.ts';
export {
  type SharedPlayground,
  sharedPlayground,
  type TemporaryNamespace,
  temporaryNamespace,
} from './playground/index.ts';
export {
  type CompileOptions,
  compileC,
  compileWat,
  expectedBinaryBytes,
  expectedLines,
  expectedUtf8,
  type ProgramName,
  program,
  programNames,
} from './programs/index.ts';
