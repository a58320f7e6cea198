import { buildAgentAssets } from '@wigeon/agent/assets';
import { loadConfig, startNode } from '@wigeon/node';
import { Command } from 'commander';
import pino from 'pino';
import { aborted, untilInterrupted } from '../interrupt.ts';
import { version } from '../version.ts';

export function nodeCommand(): Command {
  return new Command('node')
    .description('run the virtual kubelet')
    .requiredOption('--config <file>', 'YAML configuration (docs/configuration.md)')
    .action(async ({ config: file }: { config: string }) => {
      const config = await loadConfig(file);
      using interrupt = untilInterrupted();
      const log = pino({ level: config.logLevel });
      await using node = await startNode({ config, assets: await buildAgentAssets(), log, version });
      log.info({ node: node.name, gateway: node.gatewayPort, kubelet: node.kubeletPort }, 'node ready');
      await aborted(interrupt.signal);
    });
}
