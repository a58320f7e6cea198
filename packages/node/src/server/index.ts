export { type KubeletServer, openKubeletServer } from './kubelet-server.ts';
