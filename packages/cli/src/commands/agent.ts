import { startNodeAgent } from '@wigeon/agent/node';
import { Command } from 'commander';
import { aborted, untilInterrupted } from '../interrupt.ts';

export function agentCommand(): Command {
  return new Command('agent')
    .argument('<url>', "address of the node's gateway, such as http://127.0.0.1:8080")
    .requiredOption('--key <key>', "the site's publishable key")
    .option('--name <name>', 'name shown to operators (default: the host name)')
    .action(async (url: string, options: { key: string; name?: string }) => {
      using interrupt = untilInterrupted();
      await using agent = startNodeAgent({
        url,
        key: options.key,
        ...(options.name ? { name: options.name } : {}),
        log: (line) => console.error(line),
      });
      await Promise.race([agent.done, aborted(interrupt.signal)]);
    });
}
