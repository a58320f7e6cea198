/**
 * Limits on what a module may ask of us, all checked while decoding. They follow the JavaScript API's implementation
 * limits (https://webassembly.github.io/spec/js-api/#limits), so a module that an engine accepts is not refused here.
 */
export const limits = {
  moduleBytes: 1_073_741_824,
  types: 1_000_000,
  functions: 1_000_000,
  imports: 1_000_000,
  exports: 1_000_000,
  globals: 1_000_000,
  tags: 1_000_000,
  tables: 100_000,
  memories: 100,
  elementSegments: 10_000_000,
  dataSegments: 100_000,
  tableEntries: 10_000_000,
  functionBytes: 7_654_321,
  functionLocals: 50_000,
  functionParams: 1_000,
  functionResults: 1_000,
  brTableTargets: 7_654_321,
  tryTableCatches: 10_000,
  nameBytes: 100_000,
  /** Nesting of blocks; the engines have none of their own, but a path of this depth is beyond any compiler. */
  nesting: 20_000,
} as const;
