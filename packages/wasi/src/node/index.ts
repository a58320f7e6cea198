export { hostDirectory } from './host-directory.ts';
