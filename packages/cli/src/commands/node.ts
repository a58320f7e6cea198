import { readFile } from 'node:fs/promises';
import { type AgentAsset, loadConfig, startNode } from '@wigeon/node';
import { Command } from 'commander';
import pino from 'pino';
import { prepareKubelet } from '../in-cluster/prepare-kubelet.ts';
import { removeNode } from '../in-cluster/remove-node.ts';
import { aborted, untilInterrupted } from '../interrupt.ts';
import { version } from '../version.ts';

export function nodeCommand(): Command {
  return new Command('node')
    .addCommand(runCommand(), { isDefault: true })
    .addCommand(prepareCommand())
    .addCommand(removeCommand());
}

function runCommand(): Command {
  return new Command('run')
    .description('run it (what `wigeon node --config FILE` does)')
    .requiredOption('--config <file>', 'YAML configuration (docs/configuration.md)')
    .action(async ({ config: file }: { config: string }) => {
      const config = await loadConfig(file);
      using interrupt = untilInterrupted();
      const log = pino({ level: config.logLevel });
      // A promise that nobody awaits is a mistake of ours, but no reason to drop what all pods and agents have.
      process.on('unhandledRejection', (err) => log.error({ err }, 'a promise failed unheard'));
      await using node = await startNode({ config, assets: await agentAssets(), log, version });
      log.info({ node: node.name, gateway: node.gatewayPort, kubelet: node.kubeletPort }, 'node ready');
      await aborted(interrupt.signal);
    });
}

function prepareCommand(): Command {
  return new Command('prepare')
    .description("write the kubelet port's files: a self-signed certificate, and the cluster's client CA")
    .requiredOption('--config <file>', 'YAML configuration that names the files')
    .action(async ({ config }: { config: string }) => prepareKubelet(await loadConfig(config)));
}

function removeCommand(): Command {
  return new Command('remove')
    .description('stop the StatefulSet of a node and delete its Node object')
    .argument('<node>', 'name of the Node object')
    .requiredOption('--stateful-set <name>', 'the StatefulSet that runs it')
    .requiredOption('--namespace <name>', 'its namespace')
    .option('--kubeconfig <file>', 'left out: the in-cluster ServiceAccount')
    .action(async (nodeName: string, options: { statefulSet: string; namespace: string; kubeconfig?: string }) => {
      using interrupt = untilInterrupted();
      await removeNode({ nodeName, ...options, kubeconfig: options.kubeconfig, signal: interrupt.signal });
    });
}

/** What a release has beside its program (packages/release); in the source tree it is built at each start. */
async function agentAssets(): Promise<ReadonlyMap<string, AgentAsset>> {
  const text = await readFile(new URL('./agent-assets.json', import.meta.url), 'utf8').catch(() => undefined);
  if (text === undefined) return (await import('@wigeon/agent/assets')).buildAgentAssets();
  const assets = JSON.parse(text) as [string, Omit<AgentAsset, 'body'> & { body: string }][];
  return new Map(assets.map(([path, asset]) => [path, { ...asset, body: Buffer.from(asset.body, 'base64') }]));
}
