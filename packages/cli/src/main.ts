#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { agentCommand } from './commands/agent.ts';
import { instrumentCommand } from './commands/instrument.ts';
import { nodeCommand } from './commands/node.ts';
import { pushCommand } from './commands/push.ts';
import { runCommand } from './commands/run.ts';
import { upCommand } from './commands/up.ts';
import { exitCodes, reportError } from './exit-codes.ts';
import { version } from './version.ts';

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
for (const command of [upCommand(), nodeCommand(), agentCommand(), runCommand(), pushCommand(), instrumentCommand()])
  program.addCommand(command.exitOverride());

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : exitCodes.usage;
  else process.exitCode = reportError(error);
}
