// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the notation under test
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, loadConfig, type NodeConfigInput, parseConfig } from './index.ts';

const minimal: NodeConfigInput = {
  nodeName: 'wigeon',
  stateDir: '/var/lib/wigeon',
  kubelet: { certFile: 'tls.crt', keyFile: 'tls.key', clientCAFile: 'ca.crt' },
  gateway: { keys: ['pk_demo'] },
};

describe('the configuration', () => {
  it('fills in defaults', () => {
    const config = parseConfig(minimal);
    expect(config.kubelet.port).toBe(10250);
    expect(config.taints).toEqual([]);
  });

  it('names every wrong field', () => {
    const wrong = { ...minimal, nodeName: 'Not A Name', gateway: { keys: [] }, colour: 'blue' };
    let message = '';
    try {
      parseConfig(wrong, 'wigeon.yaml');
    } catch (error) {
      if (error instanceof ConfigError) message = error.message;
    }
    expect(message).toMatch(/^wigeon\.yaml is not valid/);
    for (const field of ['nodeName', 'gateway.keys', 'colour']) expect(message).toContain(field);
  });
});

describe('the configuration file', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'wigeon-config-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  async function load(changes: Partial<NodeConfigInput>, environment: NodeJS.ProcessEnv = {}) {
    const file = join(directory, 'wigeon.yaml');
    await writeFile(file, JSON.stringify({ ...minimal, ...changes }));
    return loadConfig(file, environment);
  }

  it('takes the address of a pod from the environment', async () => {
    const config = await load({ address: '${POD_IP}', labels: { price: '$${POD_IP}' } }, { POD_IP: '10.0.0.7' });
    expect(config).toMatchObject({ address: '10.0.0.7', labels: { price: '${POD_IP}' } });
  });

  it('names a variable that is missing', async () => {
    await expect(load({ address: '${POD_IP}' })).rejects.toThrow(/\$\{POD_IP\}, which is not in the environment/);
  });

  it('reads the keys of a mounted Secret, and names the file if it is not there', async () => {
    await writeFile(join(directory, 'site-keys'), 'pk_one\npk_two\n');
    const config = await load({ gateway: { keys: ['pk_zero'], keysFile: 'site-keys' } });
    expect(config.gateway.keys).toEqual(['pk_zero', 'pk_one', 'pk_two']);
    await expect(load({ gateway: { keys: [], keysFile: 'nothing' } })).rejects.toThrow(/nothing cannot be read/);
  });
});
