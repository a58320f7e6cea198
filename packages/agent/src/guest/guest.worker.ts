// The guest worker in a browser: runs the one program it is sent, then waits to be terminated. Its first message is the
// port by which it and the coordinator speak.
import type { GuestCommand, GuestReport, GuestStart } from './messages.ts';
import { guestReceiver } from './receiver.ts';

const scope = globalThis as unknown as DedicatedWorkerGlobalScope;

scope.onmessage = ({ data: port }: MessageEvent<MessagePort>): void => {
  const post = (report: GuestReport, transfer: ArrayBuffer[]): void => port.postMessage(report, transfer);
  const receive = guestReceiver(post, nextTurn);
  port.onmessage = ({ data }: MessageEvent<GuestStart | GuestCommand>) => receive(data);
  post({ kind: 'ready' }, []);
};

const turns: (() => void)[] = [];
const { port1, port2 } = new MessageChannel();
port1.onmessage = () => turns.shift()?.();

/** Lets messages that already wait be handled. Unlike a timer it is never clamped to 4 ms. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    turns.push(resolve);
    port2.postMessage(null);
  });
}
