// Lost connections, stale commands, stops: nothing lost, nothing doubled, never two exits.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Connection, ScriptedNode } from '../../test/scripted-node.ts';
import { type NodeAgent, startNodeAgent } from './index.ts';

let node: ScriptedNode;
let agent: NodeAgent;
let connection: Connection;
const lines: string[] = [];

beforeEach(async () => {
  lines.length = 0;
  node = await ScriptedNode.start();
  agent = startNodeAgent({ url: node.url, key: 'pk_test', log: (line) => lines.push(line) });
  connection = await node.accept();
  connection.welcome();
});

afterEach(async () => {
  await agent[Symbol.asyncDispose]();
  await node[Symbol.asyncDispose]();
});

const MIB = 1024 * 1024;

describe('after a lost connection', () => {
  it('the agent comes back as itself and sends from what is stored: nothing lost, nothing doubled', async () => {
    const assignment = await node.assignment('flood');
    connection.send(assignment);
    // Take 3 MiB and a bit, acknowledge less than was received, and lose the connection in the middle.
    const kept: Uint8Array[] = [];
    let stored = 0;
    while (stored < 3 * MIB) {
      const message = await connection.next();
      if (message?.type !== 'output') continue;
      kept.push(message.bytes);
      stored += message.bytes.length;
    }
    stored -= 1000;
    connection.cut();

    connection = await node.accept();
    expect(connection.hello.identity).toBe('identity-1');
    const { assignment: id, epoch } = assignment;
    expect(connection.hello.held).toMatchObject([{ assignment: id, epoch, state: { phase: 'running' } }]);
    expect(connection.hello.held[0]!.produced.stdout).toBeGreaterThan(stored);
    connection.welcome([{ assignment: id, epoch, stored: { stdout: stored, stderr: 0 } }]);
    const { stdout, state } = await connection.ended(assignment, { stdout: stored, stderr: 0 });
    expect(state).toMatchObject({ cause: 'exit', exitCode: 0 });
    const whole = Buffer.concat([Buffer.concat(kept).subarray(0, stored), stdout]);
    expect(whole.length).toBe(16 * MIB);
    for (let piece = 0; piece < 16; piece++) {
      expect(whole.subarray(piece * MIB, (piece + 1) * MIB).every((byte) => byte === piece)).toBe(true);
    }
  });

  it('an exit that happened meanwhile is told, and told again until it is settled', async () => {
    const assignment = await node.assignment('hello');
    connection.send(assignment);
    let last = await connection.next();
    while (last?.type !== 'state' || last.state.phase !== 'exited') last = await connection.next();
    for (let round = 0; round < 2; round++) {
      connection.cut();
      connection = await node.accept();
      expect(connection.hello.held).toEqual([
        { assignment: assignment.assignment, epoch: 1, state: last.state, produced: { stdout: 3, stderr: 3 } },
      ]);
      const keep = { assignment: assignment.assignment, epoch: 1, stored: { stdout: 1, stderr: 3 } };
      connection.welcome([keep]);
      expect(await connection.expect('output')).toMatchObject({ stream: 'stdout', offset: 1 });
      expect(await connection.expect('state')).toMatchObject({ state: last.state });
    }
    connection.send({ type: 'settled', assignment: assignment.assignment, epoch: 1 });
    connection.cut();
    connection = await node.accept();
    expect(connection.hello.held).toEqual([]);
  });

  it('containers that the node does not keep are ended and forgotten', async () => {
    const assignment = await node.assignment('loop');
    connection.send(assignment);
    let message = await connection.next();
    while (message?.type !== 'output') message = await connection.next();
    connection.cut();
    connection = await node.accept();
    expect(connection.hello.held).toHaveLength(1);
    connection.welcome([]);
    const next = await node.assignment('exit7');
    connection.send(next);
    expect(await connection.expect('state')).toMatchObject({ assignment: next.assignment });
    expect(agent.status.containers).toBe(1);
  });

  it('a node that ends the connection but wants the agent back gets it back', async () => {
    connection.send({ type: 'error', code: 'restarting', message: 'one moment', retry: true });
    connection = await node.accept();
    expect(connection.hello.identity).toBe('identity-1');
  });
});

describe('what a node may not send', () => {
  it.each<[string, (connection: Connection) => void]>([
    ['garbage', (to) => to.sendRaw('{{')],
    ['a binary frame', (to) => to.sendRaw(new Uint8Array([1, 2, 3]))],
    ['a second welcome', (to) => to.welcome()],
    ['a message over the limit', (to) => to.sendRaw(' '.repeat(MIB + 1))],
  ])('%s ends the connection only: the agent comes back', async (_what, send) => {
    const assignment = await node.assignment('loop');
    connection.send(assignment);
    let message = await connection.next();
    while (message?.type !== 'output') message = await connection.next();
    send(connection);
    const again = await node.accept();
    expect(again.hello.held).toHaveLength(1);
    expect(lines.join('\n')).toMatch(/the node broke the protocol/);
  });

  it('a silent node is left when its lease is over', async () => {
    connection.cut();
    connection = await node.accept();
    connection.welcome([], { heartbeatSeconds: 0.05, leaseSeconds: 0.12 });
    await node.accept();
    expect(lines.join('\n')).toMatch(/nothing heard for/);
  });
});

describe('stop', () => {
  it('ends an endless loop at once, with the exit code of SIGTERM, and only once', async () => {
    const assignment = await node.assignment('loop');
    const { assignment: id, epoch } = assignment;
    connection.send(assignment);
    let message = await connection.next();
    while (message?.type !== 'output') message = await connection.next();
    connection.send({ type: 'stop', assignment: id, epoch });
    connection.send({ type: 'stop', assignment: id, epoch });
    expect((await connection.expect('state')).state).toMatchObject({
      phase: 'exited',
      cause: 'stopped',
      exitCode: 143,
    });
    // The next thing said is about the next container, so there was no second exit.
    const next = await node.assignment('exit7');
    connection.send(next);
    expect(await connection.expect('state')).toMatchObject({ assignment: next.assignment });
    expect((await connection.ended(next)).state.exitCode).toBe(7);
  });

  it('before the module has come ends the container as well', async () => {
    const assignment = await node.assignment('loop');
    connection.send(assignment);
    connection.send({ type: 'stop', assignment: assignment.assignment, epoch: 1 });
    const { state } = await connection.ended(assignment);
    expect(state).toMatchObject({ cause: 'stopped', exitCode: 143 });
    expect(state.startedAt).toBeUndefined();
  });
});

describe('late commands', () => {
  it('of an older epoch, or about something never assigned, are ignored', async () => {
    const assignment = await node.assignment('loop', { epoch: 5 });
    const { assignment: id } = assignment;
    connection.send(assignment);
    let message = await connection.next();
    while (message?.type !== 'output') message = await connection.next();
    connection.send({ type: 'stop', assignment: id, epoch: 4 });
    connection.send({ ...assignment, epoch: 4 });
    connection.send({ type: 'settled', assignment: id, epoch: 4 });
    connection.send({ type: 'stop', assignment: '11111111-1111-4111-8111-111111111111', epoch: 5 });
    const next = await node.assignment('exit7');
    connection.send(next);
    expect(await connection.expect('state')).toMatchObject({ assignment: next.assignment });
    await connection.ended(next);
    expect(agent.status.containers).toBe(1);
  });

  it('a newer epoch of the same assignment replaces the older one, from its beginning', async () => {
    const older = await node.assignment('loop');
    connection.send(older);
    let message = await connection.next();
    while (message?.type !== 'output') message = await connection.next();
    const newer = { ...(await node.assignment('hello')), assignment: older.assignment, epoch: 2 };
    connection.send(newer);
    expect(await connection.expect('state')).toMatchObject({ epoch: 2, state: { phase: 'starting' } });
    expect((await connection.ended(newer)).stdout.toString()).toBe('out');
  });

  it('the same assignment sent twice runs once', async () => {
    const assignment = await node.assignment('hello');
    connection.send(assignment);
    connection.send(assignment);
    expect((await connection.ended(assignment)).stdout.toString()).toBe('out');
  });
});

describe('output', () => {
  it('that is not acknowledged makes the program wait, within the limit', async () => {
    const assignment = await node.assignment('flood');
    const { assignment: id, epoch } = assignment;
    connection.send(assignment);
    let received = 0;
    while (received < 4 * MIB) {
      const message = await connection.next();
      if (message?.type === 'output') received += message.bytes.length;
    }
    expect(received).toBe(4 * MIB);
    // The guest waits now. A program that needs the same agent gets on, and nothing more of the first one arrives.
    const other = await node.assignment('exit7');
    connection.send(other);
    let message = await connection.next();
    while (
      !(message?.type === 'state' && message.assignment === other.assignment && message.state.phase === 'exited')
    ) {
      expect(message?.type).toBe('state');
      message = await connection.next();
    }
    connection.send({ type: 'ack', assignment: id, epoch, stored: { stdout: received, stderr: 0 } });
    const { stdout, state } = await connection.ended(assignment, { stdout: received, stderr: 0 });
    expect(received + stdout.length).toBe(16 * MIB);
    expect(state.exitCode).toBe(0);
  });
});

describe('four programs', () => {
  it('run at the same time in threads of their own', async () => {
    const loops = await Promise.all(Array.from({ length: 4 }, () => node.assignment('loop')));
    for (const assignment of loops) connection.send(assignment);
    const begun = new Set<string>();
    while (begun.size < 4) {
      const message = await connection.next();
      if (message?.type === 'output') begun.add(message.assignment);
    }
    expect(agent.status.containers).toBe(4);
  });
});
