// The guest worker in a browser: runs the one program it is sent, then waits to be terminated. Its first message is the
// port by which it and the coordinator speak.
import type { GuestReport, GuestStart } from './messages.ts';
import { runGuest } from './run.ts';

const scope = globalThis as unknown as DedicatedWorkerGlobalScope;

scope.onmessage = ({ data: port }: MessageEvent<MessagePort>): void => {
  const post = (report: GuestReport, transfer: ArrayBuffer[]): void => port.postMessage(report, transfer);
  port.onmessage = ({ data }: MessageEvent<GuestStart>) => runGuest(data, post);
  post({ kind: 'ready' }, []);
};
