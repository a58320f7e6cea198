// The guest worker in a Node worker thread: runs the one program it is sent, then waits to be terminated.
import { parentPort } from 'node:worker_threads';
import type { GuestReport, GuestStart } from '../guest/index.ts';
import { runGuest } from '../guest/run.ts';

const port = parentPort;
const post = (report: GuestReport, transfer: ArrayBuffer[]): void => port?.postMessage(report, transfer);
port?.once('message', (start: GuestStart) => runGuest(start, post));
post({ kind: 'ready' }, []);
