export { syncDirectory, TemporaryNames, writeDurably } from './durable-files.ts';
