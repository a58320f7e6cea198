// Runs a program that knows nothing of lifelines (one of KUBEBUILDER_ASSETS) and kills it when stdin ends.
//
//   node guard.ts PROGRAM [ARGS...]
import { spawn } from 'node:child_process';

const [program, ...args] = process.argv.slice(2);
const child = spawn(program!, args, { stdio: ['ignore', 'inherit', 'inherit'] });
child.on('error', (error) => {
  console.error(error.message);
  process.exit(127);
});
child.on('exit', (code) => process.exit(code ?? 1));

const kill = (): boolean => child.kill('SIGKILL');
process.stdin.on('end', kill).on('error', kill).resume();
