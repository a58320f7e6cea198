import type { AgentList } from '@wigeon/node';
import type { Command } from 'commander';
import { askNode, type OperatorOptions, operatorCommand, printTable, showBytes } from '../operator/node-port.ts';

export function agentsCommand(): Command {
  return operatorCommand('agents').action(async (options: OperatorOptions) => {
    const { items } = await askNode<AgentList>(options, 'GET', '/wigeon/agents');
    if (options.output === 'json') console.log(JSON.stringify({ items }));
    else {
      const rows = items.map(({ id, name, engine, engineVersion, offer, containers, draining }) => [
        id,
        name ?? '-',
        `${engine} ${engineVersion}`,
        `${offer.cpuMillis}m`,
        showBytes(offer.memoryBytes),
        `${containers}/${offer.containers}`,
        draining ? 'draining' : 'ready',
      ]);
      printTable([['ID', 'NAME', 'ENGINE', 'CPU', 'MEMORY', 'CONTAINERS', 'STATE'], ...rows]);
    }
  });
}
