// The guest worker in a Node worker thread: runs the one program it is sent, then waits to be terminated.
import { parentPort } from 'node:worker_threads';
import type { GuestStart } from '../guest/index.ts';
import { runGuest } from '../guest/run.ts';

const port = parentPort;
port?.once('message', (start: GuestStart) => runGuest(start, (report, transfer) => port.postMessage(report, transfer)));
