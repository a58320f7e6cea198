import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Connection, ScriptedNode } from '../../test/scripted-node.ts';
import { type NodeAgent, startNodeAgent } from './index.ts';

let node: ScriptedNode;
let agent: NodeAgent;

beforeEach(async () => {
  node = await ScriptedNode.start();
  agent = startNodeAgent({ url: node.url, key: 'pk_test', name: 'under-test' });
});

afterEach(async () => {
  await agent[Symbol.asyncDispose]();
  await node[Symbol.asyncDispose]();
});

async function welcomed(): Promise<Connection> {
  const connection = await node.accept();
  connection.welcome();
  await agent.ready;
  return connection;
}

describe('greeting', () => {
  it('says who it is, what it offers and that it holds nothing', async () => {
    const { hello } = await node.accept();
    expect(hello).toMatchObject({
      versions: [1],
      key: 'pk_test',
      agent: { name: 'under-test', engine: 'node' },
      held: [],
    });
    expect(hello.agent.features).toContain('shared-memory');
    expect(hello.offer.cpuMillis).toBeGreaterThan(0);
    expect(hello.identity).toBeUndefined();
  });

  it('ends for good, and says why, when the node refuses the version', async () => {
    const connection = await node.accept();
    connection.send({ type: 'error', code: 'unsupported-version', message: 'this node speaks 9', retry: false });
    await expect(agent.ready).rejects.toThrow(/unsupported-version.*this node speaks 9/);
    await expect(agent.done).rejects.toMatchObject({ code: 'refused' });
    expect(agent.status).toMatchObject({ connection: 'refused', message: expect.stringContaining('speaks 9') });
    expect(await connection.next()).toBeUndefined();
  });

  it('refuses a gateway address that is not http', () => {
    expect(() => startNodeAgent({ url: 'ftp://example.test', key: 'k' })).toThrow(/must begin with http/);
  });
});

describe('a container', () => {
  it('goes from starting over running to exited, with its output byte for byte in between', async () => {
    const connection = await welcomed();
    const assignment = await node.assignment('hello');
    connection.send(assignment);
    expect((await connection.expect('state')).state).toEqual({ phase: 'starting' });
    expect((await connection.expect('state')).state).toMatchObject({ phase: 'running' });
    const stdout = await connection.expect('output');
    expect(stdout).toMatchObject({ assignment: assignment.assignment, epoch: 1, stream: 'stdout', offset: 0 });
    expect(Buffer.from(stdout.bytes)).toEqual(Buffer.from('out'));
    const stderr = await connection.expect('output');
    expect(stderr).toMatchObject({ stream: 'stderr', offset: 0 });
    expect(Buffer.from(stderr.bytes)).toEqual(Buffer.from([0xff, 0, 0x65]));
    expect((await connection.expect('state')).state).toMatchObject({
      phase: 'exited',
      cause: 'exit',
      exitCode: 0,
      startedAt: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/),
    });
  });

  it('gets its arguments and environment, non-ASCII included', async () => {
    const connection = await welcomed();
    const assignment = await node.assignment('args', { argv: ['/bin/grüße', '', '日本'], env: ['A=ü', 'B='] });
    connection.send(assignment);
    const { stdout, stderr } = await connection.ended(assignment);
    expect(stdout.toString()).toBe('/bin/grüße\0\0日本\0');
    expect(stderr.toString()).toBe('A=ü\0B=\0');
  });

  it.each([
    ['exit7', 7],
    ['exit263', 7],
  ] as const)('%s exits with %i: a kernel keeps eight bits', async (name, exitCode) => {
    const connection = await welcomed();
    const assignment = await node.assignment(name);
    connection.send(assignment);
    expect((await connection.ended(assignment)).state).toMatchObject({ cause: 'exit', exitCode });
  });

  it('that traps exits with 134 and a message that names the trap and where', async () => {
    const connection = await welcomed();
    const assignment = await node.assignment('trap');
    connection.send(assignment);
    const { state, stdout } = await connection.ended(assignment);
    expect(stdout.toString()).toBe('before');
    expect(state).toMatchObject({ cause: 'trap', exitCode: 134 });
    expect(state.message).toMatch(/^RuntimeError: unreachable\n {2}at wasm-function\[\d+\]:0x/);
  });
});
