import type { CheckpointList } from '@wigeon/node';
import type { Command } from 'commander';
import { askNode, type OperatorOptions, operatorCommand, printTable, showBytes } from '../operator/node-port.ts';

export function checkpointCommand(): Command {
  return operatorCommand('checkpoint')
    .argument('<pod>', 'name of the pod')
    .option('-n, --namespace <name>', 'its namespace', 'default')
    .option('--list', 'only list what there is')
    .action(async (pod: string, options: OperatorOptions & { namespace: string; list?: boolean }) => {
      const path = `/wigeon/checkpoints/${options.namespace}/${pod}`;
      const { items } = await askNode<CheckpointList>(options, options.list ? 'GET' : 'POST', path);
      if (options.output === 'json') console.log(JSON.stringify({ items }));
      else {
        const rows = items.map(({ container, sequence, base, blob, memoryBytes, ageSeconds }) => [
          container,
          String(sequence),
          base === null ? 'full' : `delta to ${base}`,
          showBytes(blob.size),
          showBytes(memoryBytes),
          `${ageSeconds}s`,
        ]);
        printTable([['CONTAINER', 'CHECKPOINT', 'KIND', 'SIZE', 'MEMORY', 'AGE'], ...rows]);
      }
    });
}
