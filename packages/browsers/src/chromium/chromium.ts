// Chromium, over the DevTools protocol by Playwright's client.
import {
  type BrowserContext,
  type CDPSession,
  type Browser as Client,
  type Page as ClientPage,
  chromium,
} from 'playwright-core';
import type { ConsoleMessage, Page } from '../browser.ts';
import { BrowserError } from '../error.ts';
import { unwrap, wrap } from '../evaluate.ts';
import type { Connection, Driver, DriverInput } from '../launch.ts';

const FLAGS = [
  '--remote-debugging-port=0',
  '--no-first-run',
  '--no-default-browser-check',
  '--no-service-autorun',
  '--password-store=basic',
  '--use-mock-keychain',
  '--mute-audio',
  '--disable-extensions',
  '--disable-default-apps',
  '--disable-search-engine-choice-screen',
  '--disable-crash-reporter',
  '--disable-breakpad',
  // /dev/shm is small in containers; the browser then dies with a bus error.
  '--disable-dev-shm-usage',
  // Nothing of its own on the network: tests run offline, and a visitor's browser is not what is being tested here.
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-domain-reliability',
  '--disable-client-side-phishing-detection',
  '--disable-sync',
  '--disable-quic',
  '--disable-features=OptimizationHints,MediaRouter,Translate,DialMediaRouteProvider,HttpsUpgrades',
];

export async function connectChromium({ executable, directory, headless }: DriverInput): Promise<Driver> {
  const args = [...FLAGS, `--user-data-dir=${directory}/profile`];
  if (headless) args.push('--headless=new', '--hide-scrollbars');
  // Chromium refuses to run as root with its sandbox.
  if (process.getuid?.() === 0) args.push('--no-sandbox');
  return {
    command: executable,
    args: [...args, 'about:blank'],
    async connect(process) {
      const [, endpoint] = await process.line(/DevTools listening on (ws:\S+)/);
      // Playwright's defaults pretend that every page has the focus; such a page cannot be frozen.
      const options = { timeout: 0, noDefaults: true, artifactsDir: `${directory}/artifacts` };
      return connection(await chromium.connectOverCDP(endpoint ?? '', options));
    },
  };
}

async function connection(client: Client): Promise<Connection> {
  const context = client.contexts()[0] ?? (await client.newContext());
  const control = await client.newBrowserCDPSession();
  const pageOf = pagesByTarget(context);
  return {
    version: client.version(),
    async newPage(url) {
      // A window of its own: a tab would hide the one before it.
      const { targetId } = await control.send('Target.createTarget', { url: 'about:blank', newWindow: true });
      const page = makePage(context, await pageOf(targetId));
      await page.navigate(url);
      return page;
    },
    async quit() {
      await control.send('Browser.close');
    },
    gone: () => void client.close().catch(() => {}),
  };
}

/** Playwright's page for a DevTools target id, awaited if Playwright does not know it yet. */
function pagesByTarget(context: BrowserContext): (targetId: string) => Promise<ClientPage> {
  const pages = new Map<string, PromiseWithResolvers<ClientPage>>();
  const entry = (targetId: string): PromiseWithResolvers<ClientPage> => {
    const known = pages.get(targetId) ?? Promise.withResolvers<ClientPage>();
    pages.set(targetId, known);
    return known;
  };
  context.on('page', async (page) => {
    try {
      const session = await context.newCDPSession(page);
      const { targetInfo } = await session.send('Target.getTargetInfo');
      await session.detach();
      entry(targetInfo.targetId).resolve(page);
    } catch {
      // Closed before it could be asked; nobody waits for such a page.
    }
  });
  return async (targetId) => {
    const page = await entry(targetId).promise;
    pages.delete(targetId);
    return page;
  };
}

function makePage(context: BrowserContext, client: ClientPage): Page {
  const console: ConsoleMessage[] = [];
  client.on('console', (message) => console.push({ type: message.type(), text: message.text() }));
  client.on('pageerror', (error) => console.push({ type: 'exception', text: error.stack ?? String(error) }));
  let session: Promise<CDPSession> | undefined;
  const setLifecycle = async (state: 'frozen' | 'active'): Promise<void> => {
    session ??= context.newCDPSession(client);
    await (await session).send('Page.setWebLifecycleState', { state });
  };
  return {
    console,
    async evaluate<T>(expression: string): Promise<T> {
      const text = await client.evaluate<string>(wrap(expression)).catch((cause: Error) => {
        if (client.isClosed()) throw new BrowserError('BROWSER_GONE', 'the page was closed', { cause });
        throw new BrowserError('PAGE_SCRIPT_FAILED', cause.message, { cause });
      });
      return unwrap<T>(text);
    },
    async navigate(url) {
      await client.goto(url, { waitUntil: 'load', timeout: 0 }).catch((cause: Error) => {
        throw new BrowserError('PAGE_NAVIGATION_FAILED', `cannot load ${url}: ${cause.message}`, { cause });
      });
    },
    async close() {
      const closed = new Promise((resolve) => client.once('close', resolve));
      client.on('dialog', (dialog) => void dialog.accept().catch(() => {}));
      await client.close({ runBeforeUnload: true });
      await closed;
    },
    lifecycle: { freeze: () => setLifecycle('frozen'), resume: () => setLifecycle('active') },
  };
}
