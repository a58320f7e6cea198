import { join } from 'node:path';
import { compileC } from './compile.ts';

/** The programs in the folder `programs`; the first lines of each source say what it does. */
export const programNames = [
  'ballast',
  'binary-bytes',
  'compute',
  'echo-args',
  'exit-code',
  'hello',
  'lines',
  'primes',
  'sleep',
  'spin',
  'ticker',
  'trap',
  'utf8',
] as const;

export type ProgramName = (typeof programNames)[number];

/** The module of a named test program, compiled on first use. */
export function program(name: ProgramName): Promise<Uint8Array> {
  return compileC(join(import.meta.dirname, '..', '..', 'programs', `${name}.c`), { name });
}
