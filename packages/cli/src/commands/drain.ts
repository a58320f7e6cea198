import type { DrainResult } from '@wigeon/node';
import type { Command } from 'commander';
import { askNode, type OperatorOptions, operatorCommand } from '../operator/node-port.ts';

export function drainCommand(): Command {
  return operatorCommand('drain')
    .argument('<agent>', 'id of the agent, as `wigeon agents` lists it')
    .action(async (agent: string, options: OperatorOptions) => {
      const result = await askNode<DrainResult>(options, 'POST', `/wigeon/agents/${encodeURIComponent(agent)}/drain`);
      if (options.output === 'json') console.log(JSON.stringify(result));
      else
        console.log(
          `${result.moved} containers suspended for other agents; ${result.staying} stay, as they cannot be suspended`,
        );
    });
}
