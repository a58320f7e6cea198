/** Names under which an instrumented module exports its insides; the prefix keeps them apart from the module's own. */
export const exported = {
  start: 'wigeon:start',
  functions: 'wigeon:functions',
  port: 'wigeon:port',
  exceptions: 'wigeon:exceptions',
  table: (i: number): string => `wigeon:t${i}`,
  memory: (i: number): string => `wigeon:m${i}`,
  global: (i: number): string => `wigeon:g${i}`,
  tag: (i: number): string => `wigeon:e${i}`,
  segment: (code: number, a: number, b: number): string => `wigeon:s${code}:${a}:${b}`,
} as const;
