#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { exitCodes, reportError } from './exit-codes.ts';
import { version } from './version.ts';

/** Each command's code is loaded only when it is called: `run` must not wait for a Kubernetes client. */
const commands: Readonly<Record<string, readonly [description: string, load: () => Promise<Command>]>> = {
  up: [
    'a local playground: control plane, registry, node, agent page, and a first pod',
    async () => (await import('./commands/up.ts')).upCommand(),
  ],
  node: ['run the virtual kubelet', async () => (await import('./commands/node.ts')).nodeCommand()],
  agent: [
    'lend this machine to a node, without a browser',
    async () => (await import('./commands/agent.ts')).agentCommand(),
  ],
  run: [
    'run a WASI program here as an agent would, and exit with its code',
    async () => (await import('./commands/run.ts')).runCommand(),
  ],
  push: [
    'put a .wasm file into a registry as an image, or join images into one index',
    async () => (await import('./commands/push.ts')).pushCommand(),
  ],
  agents: ['list the agents of a node', async () => (await import('./commands/agents.ts')).agentsCommand()],
  drain: ['move everything off an agent', async () => (await import('./commands/drain.ts')).drainCommand()],
  checkpoint: [
    'take a checkpoint of a pod and list what there is',
    async () => (await import('./commands/checkpoint.ts')).checkpointCommand(),
  ],
  instrument: [
    'make a module that can be suspended anywhere',
    async () => (await import('./commands/instrument.ts')).instrumentCommand(),
  ],
};

const program = new Command('wigeon')
  .description('A Kubernetes node whose capacity is browsers')
  .version(version)
  .showHelpAfterError()
  .enablePositionalOptions()
  .exitOverride()
  .addHelpText(
    'after',
    `\nExit codes: ${exitCodes.usage} wrong usage, ${exitCodes.failure} failure; \`run\` exits with the code of the program.`,
  );

try {
  for (const [name, [description, load]] of Object.entries(commands)) {
    const command = name === process.argv[2] ? await load() : new Command(name);
    program.addCommand(command.description(description).exitOverride());
  }
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : exitCodes.usage;
  else process.exitCode = reportError(error);
}
