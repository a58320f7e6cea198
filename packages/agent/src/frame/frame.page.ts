// The document inside the hidden iframe: starts the coordinator worker and tells it what happens to the page. Nothing
// here is time-critical: timers of a hidden page run once a second or once a minute (browser.md section 5.3).
import { canShareMemory } from '../guest/flow.ts';
import { FrameGuests } from './guests.ts';
import type { CoordinatorCommand, CoordinatorEvent, PageCommand, PageEvent } from './messages.ts';

/** Set by the bundler: file names, with a hash of their content, beside this document. */
declare const COORDINATOR_FILE: string;
declare const GUEST_FILE: string;

/** Longest time the frame holds a leaving page up, in milliseconds. */
const LEAVE_MS = 300;

const parameters = new URLSearchParams(location.hash.slice(1));
const page = parameters.get('page');
const name = parameters.get('name');

const coordinator = new Worker(new URL(COORDINATOR_FILE, location.href), { name: 'wigeon coordinator' });
const command = (message: CoordinatorCommand): void => coordinator.postMessage(message);

command({
  kind: 'start',
  gateway: new URL('..', location.href.split('#')[0]).href,
  key: parameters.get('key') ?? '',
  ...(name === null ? {} : { name }),
});
const guests = new FrameGuests(new URL(GUEST_FILE, location.href), (guest, reason) =>
  command({ kind: 'guest-failed', guest, reason }),
);

coordinator.onmessage = ({ data }: MessageEvent<CoordinatorEvent>): void => {
  switch (data.kind) {
    case 'spawn':
      guests.spawn(data.guest, data.port);
      break;
    case 'terminate':
      guests.terminate(data.guest);
      break;
    case 'status':
      tellPage({ wigeon: 'status', status: data.status });
      break;
    case 'log':
      console.info(`wigeon: ${data.line}`);
  }
};
coordinator.onerror = (event): void => {
  const message = event.message || 'the coordinator worker could not be loaded';
  tellPage({ wigeon: 'status', status: { connection: 'refused', containers: 0, message } });
};

/**
 * Has the coordinator say goodbye. Chromium freezes workers as soon as these handlers return, before the coordinator gets
 * the message, and the node would wait for a lease to run out; so hold on until it is said. This is a process of its own
 * there, and takes a millisecond. Engines without shared memory here deliver the message.
 */
function leave(reason: 'closing' | 'hidden'): void {
  if (!canShareMemory()) {
    command({ kind: 'suspend', reason });
    return;
  }
  const told = new SharedArrayBuffer(4);
  command({ kind: 'suspend', reason, told });
  const cell = new Int32Array(told);
  const deadline = performance.now() + LEAVE_MS;
  while (Atomics.load(cell, 0) === 0 && performance.now() < deadline);
}

/** The page's origin comes from the loader; if that was not the truth the browser does not deliver. */
function tellPage(event: PageEvent): void {
  if (page && window.parent !== window) window.parent.postMessage(event, page);
}

window.addEventListener('message', ({ source, origin, data }: MessageEvent<PageCommand | null>): void => {
  if (source !== window.parent || origin !== page) return;
  if (data?.wigeon === 'pause' || data?.wigeon === 'resume') command({ kind: data.wigeon });
});

// A page with an open socket is not kept for "back" in Firefox, and a frozen one could not answer: leave before either.
window.addEventListener('pagehide', () => leave('closing'));
window.addEventListener('pageshow', (event) => {
  if (event.persisted) command({ kind: 'wake' });
});
document.addEventListener('freeze', () => leave('hidden'));
document.addEventListener('resume', () => command({ kind: 'wake' }));
document.addEventListener('visibilitychange', () => {
  command({ kind: document.visibilityState === 'visible' ? 'wake' : 'checkpoint' });
});
window.addEventListener('online', () => command({ kind: 'wake' }));
