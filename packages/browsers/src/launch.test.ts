import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Browser, browserNames } from './browser.ts';
import { launchBrowser } from './launch.ts';
import { processesOf } from './processes/process-tree.ts';

const PAGE = `<!doctype html><title>page</title><script>
  console.log('hello', 'console');
  addEventListener('pagehide', () => navigator.sendBeacon('/pagehide'));
</script>`;

// Where browsers put their files; our own, because other tests run browsers at the same time.
const systemDirectory = process.env.TMPDIR;
let temporary: string;
let server: Server;
let origin: string;
const requests: { url: string; waiting: (() => void)[] } = { url: '', waiting: [] };

beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'browsers-test-'));
  process.env.TMPDIR = temporary;
  server = createServer((request: IncomingMessage, response) => {
    requests.url += `${request.url} `;
    for (const wake of requests.waiting.splice(0)) wake();
    if (request.url === '/strict') response.setHeader('content-security-policy', "default-src 'none'");
    response.setHeader('content-type', 'text/html').end(PAGE);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  server.closeAllConnections();
  server.close();
  if (systemDirectory === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = systemDirectory;
  await rm(temporary, { recursive: true });
});

async function requestFor(path: string): Promise<void> {
  while (!requests.url.includes(path)) await new Promise<void>((resolve) => requests.waiting.push(resolve));
  requests.url = '';
}

// Adds 2 and 40 in a module that exports `add`: (module (func (export "add") (param i32 i32) (result i32) …)).
const ADD_IN_WORKER = `new Promise((resolve, reject) => {
  const code = 'onmessage = async ({ data }) => { const { instance } = await WebAssembly.instantiate(data);' +
    ' postMessage(instance.exports.add(2, 40)); }';
  const worker = new Worker(URL.createObjectURL(new Blob([code])));
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = ({ message }) => reject(new Error(message));
  worker.postMessage(new Uint8Array([0,97,115,109,1,0,0,0,1,7,1,96,2,127,127,1,127,3,2,1,0,7,7,1,3,97,100,100,0,0,10,9,1,7,0,32,0,32,1,106,11]));
})`;

describe.each(browserNames)('%s', (name) => {
  describe('one browser', () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await launchBrowser(name);
    });
    afterAll(() => browser?.close());

    test('says its version and process', () => {
      expect(browser.version).toMatch(/^\d+\.\d/);
      expect(processesOf(browser.pid, 'none')).toContain(browser.pid);
    });

    test('evaluates expressions, awaits promises and carries values both ways', async () => {
      const page = await browser.newPage(`${origin}/`);
      expect(await page.evaluate('document.title')).toBe('page');
      expect(await page.evaluate('Promise.resolve({ text: "grüße ☃", list: [1, null, true] })')).toEqual({
        text: 'grüße ☃',
        list: [1, null, true],
      });
      expect(await page.evaluate('void 0')).toBeUndefined();
      await page.close();
    });

    test('throws what the page throws, and a syntax error, with the message', async () => {
      const page = await browser.newPage(`${origin}/`);
      const thrown = page.evaluate('(async () => { throw new TypeError("no such bird"); })()');
      await expect(thrown).rejects.toMatchObject({
        code: 'PAGE_SCRIPT_FAILED',
        message: 'the page threw TypeError: no such bird',
      });
      await expect(page.evaluate('1 +')).rejects.toMatchObject({ code: 'PAGE_SCRIPT_FAILED' });
      await page.close();
    });

    test('evaluates in a page whose policy forbids every script', async () => {
      const page = await browser.newPage(`${origin}/strict`);
      expect(await page.evaluate('Promise.resolve(document.title)')).toBe('page');
      await page.close();
    });

    test('runs WebAssembly in a worker', async () => {
      const page = await browser.newPage(`${origin}/`);
      expect(await page.evaluate(ADD_IN_WORKER)).toBe(42);
      await page.close();
    });

    test('serves several visible pages at once, a waiting one not holding another', async () => {
      const [slow, quick] = await Promise.all([browser.newPage(`${origin}/`), browser.newPage(`${origin}/`)]);
      const waiting = slow.evaluate('new Promise((resolve) => { globalThis.release = resolve; })');
      expect(await quick.evaluate('document.visibilityState')).toBe('visible');
      expect(await slow.evaluate('(release("released"), document.visibilityState)')).toBe('visible');
      expect(await waiting).toBe('released');
      await Promise.all([slow.close(), quick.close()]);
    });

    test('closes a tab as a user does: the page sees pagehide, and later evaluation is BROWSER_GONE', async () => {
      const page = await browser.newPage(`${origin}/`);
      await page.evaluate('addEventListener("beforeunload", (event) => event.preventDefault())');
      await page.close();
      await requestFor('/pagehide');
      await expect(page.evaluate('1')).rejects.toMatchObject({ code: 'BROWSER_GONE' });
    });

    test('says which address a page could not load', async () => {
      await expect(browser.newPage('http://127.0.0.1:1/')).rejects.toMatchObject({
        code: 'PAGE_NAVIGATION_FAILED',
        message: expect.stringContaining('http://127.0.0.1:1/'),
      });
    });

    test.skipIf(name === 'webkit')('collects the console', async () => {
      const page = await browser.newPage(`${origin}/`);
      await vi.waitFor(() => expect(page.console).toContainEqual({ type: 'log', text: 'hello console' }));
      await page.close();
    });

    test.runIf(name === 'chromium')('freezes and resumes a page', async () => {
      const page = await browser.newPage(`${origin}/`);
      await page.evaluate(
        '(globalThis.seen = [], ["freeze", "resume"].forEach((name) => document.addEventListener(name, () => seen.push(name))))',
      );
      await page.lifecycle?.freeze();
      await page.lifecycle?.resume();
      expect(await page.evaluate('seen')).toEqual(['freeze', 'resume']);
      await page.close();
    });
  });

  test('kill leaves no process and no file, and fails what is under way', async () => {
    const before = await readdir(temporary);
    const browser = await launchBrowser(name);
    const page = await browser.newPage(`${origin}/`);
    const never = page.evaluate('new Promise(() => {})');
    const failed = expect(never).rejects.toMatchObject({ code: 'BROWSER_GONE' });
    const processes = processesOf(browser.pid, 'none');
    expect(processes.length).toBeGreaterThan(1);
    await browser.kill();
    await failed;
    expect(processes.filter(isAlive)).toEqual([]);
    expect(await readdir(temporary)).toEqual(before);
    await expect(browser.newPage(`${origin}/`)).rejects.toThrow();
  });

  test('leaves no process and no file when our own process is killed', async () => {
    const before = await readdir(temporary);
    const script = `
      import { launchBrowser } from ${JSON.stringify(join(import.meta.dirname, 'launch.ts'))};
      const browser = await launchBrowser(${JSON.stringify(name)});
      await browser.newPage(${JSON.stringify(`${origin}/`)});
      console.log(browser.pid);
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    const processes = processesOf(Number(line), 'none');
    expect(processes.length).toBeGreaterThan(1);
    child.kill('SIGKILL');
    await vi.waitFor(
      async () => {
        expect(processes.filter(isAlive)).toEqual([]);
        expect(await readdir(temporary)).toEqual(before);
      },
      { timeout: 20_000 },
    );
  });

  test('a program ends by itself after it has closed its browser', async () => {
    const script = `
      import { launchBrowser } from ${JSON.stringify(join(import.meta.dirname, 'launch.ts'))};
      const browser = await launchBrowser(${JSON.stringify(name)});
      await (await browser.newPage(${JSON.stringify(`${origin}/`)})).evaluate('1');
      await browser.close();
      console.log('closed');`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: child.stdout });
    const [[line], [code]] = await Promise.all([once(lines, 'line'), once(child, 'exit')]);
    expect({ line, code }).toEqual({ line: 'closed', code: 0 });
  });

  test('a launch that hangs is an error that holds what the browser wrote', async () => {
    await using fake = await fakeBrowser(name, 'echo "no protocol specified" >&2; exec sleep 1000');
    await expect(launchBrowser(name, { timeoutMs: 1_500 })).rejects.toMatchObject({
      code: 'BROWSER_LAUNCH_FAILED',
      message: expect.stringMatching(/1500 ms[\s\S]*no protocol specified/),
    });
    expect(existsSync(fake.path)).toBe(true);
  });

  test('a browser that ends at its start is an error that holds what it wrote', async () => {
    await using _fake = await fakeBrowser(name, 'echo "libfoo.so missing" >&2; exit 3');
    await expect(launchBrowser(name)).rejects.toMatchObject({
      code: 'BROWSER_LAUNCH_FAILED',
      message: expect.stringMatching(/ended before[\s\S]*libfoo\.so missing/),
    });
  });

  test('an aborted signal ends the browser', async () => {
    const controller = new AbortController();
    const browser = await launchBrowser(name, { signal: controller.signal });
    controller.abort();
    await browser.done;
    expect(isAlive(browser.pid)).toBe(false);
  });
});

test('all browsers run side by side, twice each', async () => {
  const browsers = await Promise.all([...browserNames, ...browserNames].map((name) => launchBrowser(name)));
  const pages = await Promise.all(browsers.map((browser) => browser.newPage(`${origin}/`)));
  const agents = await Promise.all(pages.map((page) => page.evaluate<string>('navigator.userAgent')));
  expect(agents.map((agent) => /Chrome|Firefox|Version/.exec(agent)?.[0])).toEqual([
    ...['Chrome', 'Firefox', 'Version'],
    ...['Chrome', 'Firefox', 'Version'],
  ]);
  await Promise.all(browsers.map((browser) => browser.close()));
  expect(browsers.filter(({ pid }) => isAlive(pid))).toEqual([]);
}, 120_000);

function isAlive(pid: number): boolean {
  // A zombie whose new parent has not looked yet is dead; process.kill(pid, 0) would call it alive.
  return processesOf(pid, 'none').includes(pid);
}

/** Puts a shell script in the place of the program that is started for `name`. */
async function fakeBrowser(name: string, script: string): Promise<AsyncDisposable & { path: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'fake-browser-'));
  const program = { chromium: 'chromium', firefox: 'firefox-esr', webkit: 'WebKitWebDriver' }[name] ?? '';
  const path = join(directory, program);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  const before = process.env.PATH;
  process.env.PATH = `${directory}${delimiter}${before}`;
  return {
    path,
    async [Symbol.asyncDispose]() {
      process.env.PATH = before;
      await rm(directory, { recursive: true });
    },
  };
}
