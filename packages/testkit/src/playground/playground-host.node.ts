// The process that holds the shared playground: vitest loads its set-up files in a module runner of its own, in which
// not all of Node's module API works. Prints its address on stdout; ends, with the playground, when its stdin ends.
import { startPlayground } from '@wigeon/playground';
import { servePlayground } from './control-server.ts';

const stop = new AbortController();
const server = await servePlayground(() =>
  startPlayground({ signal: stop.signal, log: (line) => console.error(`playground: ${line}`) }),
);
console.log(server.url);
process.stdin.resume();
process.stdin.once('end', async () => {
  stop.abort();
  await server[Symbol.asyncDispose]();
  process.exit(0);
});
// Ctrl-C reaches the whole group; the end of stdin follows when vitest has ended.
process.on('SIGINT', () => {});
