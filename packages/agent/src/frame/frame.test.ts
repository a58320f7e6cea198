// The whole page in real engines: a site on one origin carries the script tag of a gateway on another.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Browser, findBrowsers, launchBrowser, type Page } from '@wigeon/browsers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Connection, ScriptedNode } from '../../test/scripted-node.ts';
import { buildAgentAssets } from '../assets/index.ts';

/** A site that is not the gateway's: `localhost` and `127.0.0.1` are different sites. */
async function startSite(gateway: string): Promise<{ url: string; server: Server }> {
  const html = `<!doctype html><title>A site</title><p>Hello</p>
    <script async src="${gateway}/agent.js" data-key="pk_site" data-name="a site's visitor"></script>`;
  const server = createServer((_request, response) => response.setHeader('content-type', 'text/html').end(html));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://localhost:${(server.address() as AddressInfo).port}/`, server };
}

describe.each(findBrowsers().map(({ name }) => name))('in %s, a page with the script tag', (name) => {
  let node: ScriptedNode;
  let site: Awaited<ReturnType<typeof startSite>>;
  let browser: Browser;
  let page: Page;
  let connection: Connection;

  beforeAll(async () => {
    node = await ScriptedNode.start();
    for (const [path, { body, contentType, headers }] of await buildAgentAssets()) {
      node.assets.set(path, { body, headers: { ...headers, 'content-type': contentType } });
    }
    site = await startSite(node.url);
    browser = await launchBrowser(name);
    page = await browser.newPage(site.url);
    connection = await node.accept();
    connection.welcome();
  });

  afterAll(async () => {
    await browser?.close();
    site?.server.close();
    await node?.[Symbol.asyncDispose]();
  });

  it('greets the node with its engine, key and name', () => {
    expect(connection.hello).toMatchObject({ key: 'pk_site', agent: { engine: name, name: "a site's visitor" } });
    expect(connection.hello.agent.engineVersion).toMatch(/^\d+\./);
    expect(connection.hello.offer.cpuMillis).toBeGreaterThan(0);
  });

  it('runs a program and sends its output, byte for byte, and its exit', async () => {
    const assignment = await node.assignment('hello');
    connection.send(assignment);
    const { stdout, stderr, state } = await connection.ended(assignment);
    expect(stdout.toString()).toBe('out');
    expect(stderr).toEqual(Buffer.from([0xff, 0, 0x65]));
    expect(state).toMatchObject({ cause: 'exit', exitCode: 0 });
  });

  it('names a trap and its place', async () => {
    const assignment = await node.assignment('trap');
    connection.send(assignment);
    const { state } = await connection.ended(assignment);
    expect(state).toMatchObject({ cause: 'trap', exitCode: 134 });
    expect(state.message).toMatch(/^RuntimeError: .*unreachable.*\n {2}at .+/i);
  });

  it('reports a full call stack as a trap and goes on', async () => {
    const assignment = await node.assignment('recurse');
    connection.send(assignment);
    const { state } = await connection.ended(assignment);
    expect(state).toMatchObject({ cause: 'trap', exitCode: 134 });
    expect(state.message).toMatch(/stack|recursion/i);
  });

  it('runs a burst of 25 programs, five times in a row', async () => {
    for (let round = 0; round < 5; round++) {
      const burst = await Promise.all(Array.from({ length: 25 }, () => node.assignment('exit7')));
      for (const assignment of burst) connection.send(assignment);
      const codes: number[] = [];
      while (codes.length < burst.length) {
        const message = await connection.next();
        if (message?.type === 'state' && message.state.phase === 'exited') {
          codes.push(message.state.exitCode);
          connection.send({ type: 'settled', assignment: message.assignment, epoch: 1 });
        }
      }
      expect(codes).toEqual(Array.from({ length: 25 }, () => 7));
    }
  });

  it('runs four programs at the same time and stops them in the middle of their loops', async () => {
    const loops = await Promise.all(Array.from({ length: 4 }, () => node.assignment('loop')));
    for (const assignment of loops) connection.send(assignment);
    const begun = new Set<string>();
    while (begun.size < 4) {
      const message = await connection.next();
      if (message?.type === 'output') begun.add(message.assignment);
    }
    for (const { assignment, epoch } of loops) connection.send({ type: 'stop', assignment, epoch });
    for (const assignment of loops) {
      const { state } = await connection.ended(assignment);
      expect(state).toMatchObject({ cause: 'stopped', exitCode: 143 });
    }
    const after = await node.assignment('exit7');
    connection.send(after);
    expect((await connection.ended(after)).state).toMatchObject({ exitCode: 7 });
  });

  it('delivers 16 MiB written without a pause', async () => {
    const assignment = await node.assignment('flood');
    connection.send(assignment);
    const { stdout, state } = await connection.ended(assignment);
    expect(stdout.length).toBe(16 * 1024 * 1024);
    for (let piece = 0; piece < 16; piece++) expect(stdout[piece * 1024 * 1024 + 4711]).toBe(piece);
    expect(state).toMatchObject({ cause: 'exit', exitCode: 0 });
  });

  it('leaves when the page says pause and comes back with its identity on resume', async () => {
    await page.evaluate('window.wigeon.pause()');
    for (;;) {
      const message = await connection.next();
      if (message?.type === 'goodbye') {
        expect(message.reason).toBe('paused');
        break;
      }
      expect(message).toBeDefined();
    }
    await page.evaluate('window.wigeon.resume()');
    connection = await node.accept();
    expect(connection.hello).toMatchObject({ identity: 'identity-1', held: [] });
    connection.welcome();
  });

  it('leaves when its page is left, and is back when the visitor goes back', async () => {
    const elsewhere = await startSite(node.url.replace(/\d+$/, '1'));
    await page.navigate(elsewhere.url);
    let last = await connection.next();
    while (last && last.type !== 'goodbye') last = await connection.next();
    // WebKit may end the worker before it has spoken; the closed socket then says the same.
    expect([undefined, { type: 'goodbye', reason: 'closing' }]).toContainEqual(last);
    // Later than the answer to this evaluation, which the page would take with it.
    await page.evaluate('void setTimeout(() => history.back(), 100)');
    connection = await node.accept();
    connection.welcome();
    const assignment = await node.assignment('exit7');
    connection.send(assignment);
    expect((await connection.ended(assignment)).state).toMatchObject({ exitCode: 7 });
    elsewhere.server.close();
  });
});
