import { type BrowserName, browserNames } from '@wigeon/browsers';
import { kubernetesVersions } from '@wigeon/playground';
import { Command, InvalidArgumentError, Option } from 'commander';
import { untilInterrupted } from '../interrupt.ts';
import { up } from '../up/up.ts';

interface Options {
  once?: boolean;
  agents: number;
  browser?: BrowserName | 'none';
  kubernetes?: (typeof kubernetesVersions)[number];
  kubeconfig?: string;
  output?: 'json';
}

export function upCommand(): Command {
  return new Command('up')
    .option('--once', 'exit after the log of the first pod')
    .option('--agents <n>', 'how many agents to start', positive, 1)
    .addOption(
      new Option('--browser <name>', 'where agents run (default: the first browser found)').choices([
        ...browserNames,
        'none',
      ]),
    )
    .addOption(new Option('--kubernetes <version>', 'version of the control plane').choices([...kubernetesVersions]))
    .option('--kubeconfig <file>', 'write the kubeconfig there as well')
    .addOption(new Option('-o, --output <format>', 'one line of JSON when all is ready').choices(['json']))
    .action(async (options: Options) => {
      using interrupt = untilInterrupted();
      await up({
        once: options.once ?? false,
        agents: options.agents,
        browser: options.browser,
        kubernetes: options.kubernetes,
        kubeconfig: options.kubeconfig,
        json: options.output === 'json',
        signal: interrupt.signal,
      });
    });
}

function positive(text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new InvalidArgumentError('must be a whole number from 1 to 999');
  return Number(text);
}
