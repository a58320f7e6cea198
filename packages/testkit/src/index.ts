export * from './engines/index.ts';
