// Lints the chart, renders it with the values that change its shape, and compares manifests/ with its defaults.
//
//   node packages/release/src/check-chart.node.ts [--fix]
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { goPrograms } from '@wigeon/playground/go-programs';

const root = join(import.meta.dirname, '..', '..', '..');
const chart = join(root, 'charts', 'wigeon');
const manifest = join(root, 'manifests', 'wigeon.yaml');

const head = `# Rendered from charts/wigeon with its defaults by \`pnpm fix\`; \`pnpm check\` keeps both equal. Before it is applied:
#
#   kubectl create namespace wigeon
#   kubectl create secret generic wigeon-site-keys --namespace wigeon --from-literal=site-keys=pk_$(openssl rand -hex 11)
#
# To remove it: kubectl delete -f manifests/wigeon.yaml, and then kubectl delete node wigeon.
`;

/** What each of these turns on must at least render. */
const shapes: readonly (readonly string[])[] = [
  ['persistence.enabled=false'],
  ['persistence.storageClass=fast', 'persistence.annotations.a=b'],
  ['gateway.ingress.enabled=true', 'gateway.ingress.host=agents.example.org', 'gateway.ingress.tlsSecretName=tls'],
  ['gateway.service.type=LoadBalancer', 'gateway.service.loadBalancerSourceRanges={10.0.0.0/8}'],
  ['gateway.service.type=NodePort', 'gateway.service.nodePort=30080'],
  ['siteKeys.values={pk_one,pk_two}', 'imagePullSecrets[0].name=pull', 'priorityClassName=high'],
  ['serviceAccount.create=false', 'rbac.create=false', 'runtimeClass.create=false', 'node.taints=null'],
];

/** What the schema must refuse, each with the field that its message has to name. */
const wrong: readonly (readonly [value: string, field: string])[] = [
  ['replicaCount=2', 'replicaCount'],
  ['gateway.service.type=Cluster', '/gateway/service/type'],
  ['node.logLevel=loud', '/node/logLevel'],
];

const home = await mkdtemp(join(tmpdir(), 'wigeon-helm-'));
try {
  const program = join(await goPrograms('helm', { log: (line) => console.error(line) }), 'helm');
  // Without the user's plugins and repositories.
  const helm = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)(program, args, { env: { PATH: process.env.PATH, HOME: home } })).stdout;
  const template = (...settings: string[]): Promise<string> =>
    helm('template', 'wigeon', chart, '--namespace=wigeon', ...settings.flatMap((setting) => ['--set', setting]));

  await helm('lint', '--strict', chart);
  for (const shape of shapes) await template(...shape);
  for (const [setting, field] of wrong) {
    const said = await template(setting).then(
      () => '',
      (error: Error) => error.message,
    );
    if (!said.includes(field)) throw new Error(`--set ${setting} was not refused with ${field} named: ${said}`);
  }
  const defaults = await helm(
    ...['template', 'wigeon', chart, '--namespace=wigeon', '--no-hooks'],
    ...['--set', 'siteKeys.existingSecret=wigeon-site-keys'],
  );
  const rendered = await formatted(
    head + defaults.replaceAll('app.kubernetes.io/managed-by: Helm', 'app.kubernetes.io/managed-by: kubectl'),
  );
  const current = await readFile(manifest, 'utf8').catch(() => '');
  if (rendered !== current) {
    if (!process.argv.includes('--fix'))
      throw new Error('manifests/wigeon.yaml is not what the chart renders: pnpm fix');
    await writeFile(manifest, rendered);
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  await rm(home, { recursive: true, force: true });
}

/** As every file of the repository is formatted, this one too. */
async function formatted(text: string): Promise<string> {
  const biome = join(root, 'node_modules', '.bin', 'biome');
  const running = promisify(execFile)(biome, ['format', `--stdin-file-path=${manifest}`], { cwd: root });
  running.child.stdin?.end(text);
  return (await running).stdout;
}
