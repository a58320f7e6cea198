export { type CompileOptions, compileC, compileWat } from './compile.ts';
export { expectedBinaryBytes, expectedLines, expectedUtf8 } from './expected-output.ts';
export { type ProgramName, program, programNames } from './program.ts';
