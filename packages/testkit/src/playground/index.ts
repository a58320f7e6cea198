export { connectPlayground, type SharedPlayground } from './control-client.ts';
export { type ControlServer, type PlaygroundFacts, servePlayground } from './control-server.ts';
export { sharedPlayground } from './shared-playground.ts';
export { type TemporaryNamespace, temporaryNamespace } from './temporary-namespace.ts';
