// The guest worker in a Node worker thread: runs the one program it is sent, then waits to be terminated.
import { parentPort } from 'node:worker_threads';
import type { GuestCommand, GuestReport, GuestStart } from '../guest/index.ts';
import { guestReceiver } from '../guest/receiver.ts';

const port = parentPort;
const post = (report: GuestReport, transfer: ArrayBuffer[]): void => port?.postMessage(report, transfer);
const receive = guestReceiver(post, () => new Promise((resolve) => setImmediate(resolve)));
port?.on('message', (message: GuestStart | GuestCommand) => receive(message));
post({ kind: 'ready' }, []);
