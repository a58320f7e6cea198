// What an agent says about programs it cannot run.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Blob, blob, component, program } from '../../test/programs.ts';
import { type Connection, ScriptedNode } from '../../test/scripted-node.ts';
import { type NodeAgent, startNodeAgent } from './index.ts';

let node: ScriptedNode;
let agent: NodeAgent;
let connection: Connection;

beforeEach(async () => {
  node = await ScriptedNode.start();
  agent = startNodeAgent({ url: node.url, key: 'pk_test' });
  connection = await node.accept();
  connection.welcome();
});

afterEach(async () => {
  await agent[Symbol.asyncDispose]();
  await node[Symbol.asyncDispose]();
});

describe('a program that cannot run ends as error 128 and says why:', () => {
  it.each<[string, () => Promise<Blob> | Blob, RegExp]>([
    ['not WebAssembly', () => blob(new TextEncoder().encode('#!/bin/sh\n')), /not WebAssembly/],
    ['an empty file', () => blob(new Uint8Array()), /not WebAssembly/],
    ['a component', () => component, /component .*preview 1/],
    [
      'another version',
      () => blob(new Uint8Array([0, 0x61, 0x73, 0x6d, 2, 0, 0, 0])),
      /WebAssembly of version 2|WebAssembly version 2/,
    ],
    ['a truncated module', async () => blob((await program('hello')).bytes.slice(0, 200)), /not valid WebAssembly/],
    ['an import nobody has', () => program('unknownImport'), /env/],
    ['a library', () => program('library'), /no _start/],
  ])('%s', async (_what, make, message) => {
    const module = await make();
    node.serve(module);
    const assignment = node.assignmentOf(module);
    connection.send(assignment);
    const { state } = await connection.ended(assignment);
    expect(state).toMatchObject({ cause: 'error', exitCode: 128 });
    expect(state.message).toMatch(message);
    expect(state.startedAt).toBeUndefined();
  });
});

describe('a blob', () => {
  it('with other bytes than its digest says is refused', async () => {
    const honest = await program('hello');
    const forged = { digest: honest.digest, bytes: Uint8Array.from(honest.bytes).fill(7, 40, 41) };
    node.serve(forged);
    const assignment = node.assignmentOf(forged);
    connection.send(assignment);
    expect((await connection.ended(assignment)).state.message).toMatch(/does not have that digest/);
  });

  it.each([
    ['shorter', 1, /has \d+ bytes instead of/],
    ['longer', -1, /has more than/],
  ])('%s than announced is refused', async (_what, more, message) => {
    const module = await program('hello');
    node.serve(module);
    const assignment = node.assignmentOf(module, {
      module: { digest: module.digest, size: module.bytes.length + more },
    });
    connection.send(assignment);
    expect((await connection.ended(assignment)).state.message).toMatch(message);
  });

  it('that the node does not give is named with the answer', async () => {
    const assignment = node.assignmentOf(component);
    connection.send(assignment);
    expect((await connection.ended(assignment)).state.message).toMatch(/answered 404 for blob sha256:/);
  });

  it('is fetched once for many containers, and again after a failure', async () => {
    const module = await program('hello');
    const missing = node.assignmentOf(module);
    connection.send(missing);
    expect((await connection.ended(missing)).state.cause).toBe('error');
    node.serve(module);
    const assignments = Array.from({ length: 3 }, () => node.assignmentOf(module));
    for (const assignment of assignments) connection.send(assignment);
    const left = new Set(assignments.map(({ assignment }) => assignment));
    while (left.size > 0) {
      const message = await connection.next();
      if (message?.type === 'state' && message.state.phase === 'exited') {
        expect(message.state.exitCode).toBe(0);
        left.delete(message.assignment);
      }
    }
    expect(node.requests).toHaveLength(2);
  });
});
