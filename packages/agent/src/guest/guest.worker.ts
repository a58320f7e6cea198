// The guest worker in a browser: runs the one program it is sent, then waits to be terminated.
import type { GuestReport, GuestStart } from './messages.ts';
import { runGuest } from './run.ts';

const scope = globalThis as unknown as DedicatedWorkerGlobalScope;
const post = (report: GuestReport, transfer: ArrayBuffer[]): void => scope.postMessage(report, transfer);

scope.onmessage = ({ data }: MessageEvent<GuestStart>): void => runGuest(data, post);
post({ kind: 'ready' }, []);
