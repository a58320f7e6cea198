// WebKitGTK's MiniBrowser, over classic WebDriver by WebKitWebDriver, on a virtual display.
import type { Page } from '../browser.ts';
import { BrowserError } from '../error.ts';
import { unwrap, wrap } from '../evaluate.ts';
import { programOnPath } from '../find.ts';
import type { Connection, Driver, DriverInput } from '../launch.ts';
import { listeningPort } from '../processes/listening-port.ts';
import { WebDriverClient, WebDriverError } from './webdriver.ts';

export async function connectWebkit({ executable, directory }: DriverInput): Promise<Driver> {
  return {
    command: programOnPath('WebKitWebDriver') ?? 'WebKitWebDriver',
    args: ['--port=0'],
    env: {
      // No accelerated compositing, accessibility bus or desktop portal: none of them exists on a virtual display.
      WEBKIT_DISABLE_COMPOSITING_MODE: '1',
      NO_AT_BRIDGE: '1',
      GTK_A11Y: 'none',
      GSETTINGS_BACKEND: 'memory',
      GIO_USE_VFS: 'local',
      XDG_CACHE_HOME: `${directory}/cache`,
      XDG_DATA_HOME: `${directory}/data`,
      XDG_CONFIG_HOME: `${directory}/config`,
    },
    async connect(process) {
      let ended = false;
      void process.done.then(() => {
        ended = true;
      });
      let port = listeningPort(process.pid);
      while (port === undefined) {
        if (ended) throw new BrowserError('BROWSER_LAUNCH_FAILED', 'WebKitWebDriver ended before it listened');
        // The driver prints nothing and picks its port itself, so there is no event to wait for.
        await new Promise((resolve) => setTimeout(resolve, 5));
        port = listeningPort(process.pid);
      }
      const client = new WebDriverClient(port);
      const { browserVersion } = await client.newSession({
        'webkitgtk:browserOptions': { binary: executable, args: ['--automation'] },
        unhandledPromptBehavior: 'accept',
        // No script timeout: `evaluate` waits as long as the page does.
        timeouts: { script: null, pageLoad: 3_600_000 },
      });
      // The first window stays open and unused: without any window the session would end.
      return connection(client, browserVersion, await client.command<string>('GET', '/window'));
    },
  };
}

function connection(client: WebDriverClient, version: string, firstWindow: string): Connection {
  const windows = new Windows(client);
  return {
    version,
    async newPage(url) {
      const { handle } = await windows.command<{ handle: string }>(firstWindow, 'POST', '/window/new', {
        type: 'window',
      });
      const page = makePage(windows, handle);
      await page.navigate(url);
      return page;
    },
    quit: () => client.command('DELETE', ''),
    gone: (error) => client.close(error),
  };
}

/** Classic WebDriver has one current window per session: commands for different windows must not interleave. */
class Windows {
  readonly client: WebDriverClient;
  #last: Promise<unknown> = Promise.resolve();

  constructor(client: WebDriverClient) {
    this.client = client;
  }

  exclusive<T>(action: () => Promise<T>): Promise<T> {
    const next = this.#last.then(action);
    this.#last = next.catch(() => {});
    return next;
  }

  /** Sends one command to the window `handle`. */
  command<T>(handle: string, method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<T> {
    return this.exclusive(async () => {
      await this.client.command('POST', '/window', { handle });
      return this.client.command<T>(method, path, body);
    });
  }
}

// A long evaluation must not hold the current window, so it runs on its own in the page and short scripts ask for its
// outcome. Each waits in the page up to `patience` ms, so that the answer comes when it is there and not at a tick.
const start = (expression: string): string => `
const outcomes = (globalThis[Symbol.for('wigeon.outcomes')] ??= new Map());
outcomes.set(arguments[0], ${wrap(expression)});`;
const ASK = `
const [key, patience, answer] = arguments;
const outcomes = globalThis[Symbol.for('wigeon.outcomes')];
if (!outcomes?.has(key)) answer({ lost: true });
else Promise.race([outcomes.get(key), new Promise((late) => setTimeout(late, patience))]).then((text) => {
  if (text !== undefined) outcomes.delete(key);
  answer(text === undefined ? {} : { text });
});`;
const PATIENCE_MS = 50;

function makePage(windows: Windows, handle: string): Page {
  let nextKey = 1;
  const script = <T>(kind: 'sync' | 'async', text: string, args: unknown[]): Promise<T> =>
    windows.command<T>(handle, 'POST', `/execute/${kind}`, { script: text, args }).catch((cause: Error) => {
      if (cause instanceof WebDriverError && cause.error === 'no such window')
        throw new BrowserError('BROWSER_GONE', 'the page was closed', { cause });
      if (cause instanceof BrowserError) throw cause;
      throw new BrowserError('PAGE_SCRIPT_FAILED', cause.message, { cause });
    });
  return {
    // Classic WebDriver has no way to read the console.
    console: [],
    async evaluate<T>(expression: string): Promise<T> {
      const key = `${Date.now()}-${nextKey++}`;
      await script('sync', start(expression), [key]);
      for (;;) {
        const answer = await script<{ lost?: boolean; text?: string }>('async', ASK, [key, PATIENCE_MS]);
        if (answer.lost) throw new BrowserError('PAGE_SCRIPT_FAILED', 'the page went away during the evaluation');
        if (answer.text !== undefined) return unwrap<T>(answer.text);
      }
    },
    async navigate(url) {
      const failed = (cause?: Error): BrowserError =>
        new BrowserError('PAGE_NAVIGATION_FAILED', `cannot load ${url}: ${cause?.message ?? 'no answer'}`, { cause });
      await script('sync', "globalThis[Symbol.for('wigeon.left')] = false;", []);
      await windows.command(handle, 'POST', '/url', { url }).catch((cause: Error) => {
        throw failed(cause);
      });
      // The driver reports no network error: it just stays where it was, or on a blank page.
      const stayed = await script<boolean>(
        'sync',
        "return (location.href === 'about:blank' || globalThis[Symbol.for('wigeon.left')] === false) && location.href.split('#')[0] !== arguments[0];",
        [new URL(url).href.split('#')[0]],
      );
      if (stayed) throw failed();
    },
    async close() {
      await windows.command(handle, 'DELETE', '/window');
    },
  };
}
