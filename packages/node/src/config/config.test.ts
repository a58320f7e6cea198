import { describe, expect, it } from 'vitest';
import { ConfigError, type NodeConfigInput, parseConfig } from './index.ts';

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
