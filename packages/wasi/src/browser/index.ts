export { type RemoteSourceOptions, remoteSource } from './remote-source.ts';
