// A Node agent as a process of its own: `node agent.process.ts GATEWAY KEY`. It leaves in order when its stdin ends, which
// it also does when the test process dies.
import { startNodeAgent } from '@wigeon/agent/node';

const [url = '', key = ''] = process.argv.slice(2);
await using agent = startNodeAgent({ url, key, name: `process-${process.pid}` });
await Promise.race([agent.done, new Promise((resolve) => process.stdin.once('end', resolve).resume())]);
