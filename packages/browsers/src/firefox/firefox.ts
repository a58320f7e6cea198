// Firefox, over WebDriver BiDi, which it speaks itself: no driver program between.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConsoleMessage, Page } from '../browser.ts';
import { BrowserError } from '../error.ts';
import { unwrap, wrap } from '../evaluate.ts';
import type { Connection, Driver, DriverInput } from '../launch.ts';
import { BidiClient } from './bidi.ts';

const PREFERENCES: Readonly<Record<string, boolean | number | string>> = {
  // 1 is WebDriver BiDi; with it Firefox also sets its own recommended preferences for automation.
  'remote.active-protocols': 1,
  'browser.shell.checkDefaultBrowser': false,
  'browser.sessionstore.resume_from_crash': false,
  'toolkit.startup.max_resumed_crashes': -1,
  // Nothing of its own on the network.
  'app.normandy.enabled': false,
  'app.update.disabledForTesting': true,
  'browser.newtabpage.enabled': false,
  'browser.region.network.url': '',
  'browser.safebrowsing.downloads.remote.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'browser.startup.homepage': 'about:blank',
  'datareporting.policy.dataSubmissionEnabled': false,
  'datareporting.healthreport.uploadEnabled': false,
  'dom.push.connection.enabled': false,
  'extensions.getAddons.cache.enabled': false,
  'extensions.update.enabled': false,
  'media.gmp-manager.updateEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'network.trr.mode': 5,
  'services.settings.server': 'data:,',
  'toolkit.telemetry.enabled': false,
  'toolkit.telemetry.server': 'data:,',
};

export async function connectFirefox({ executable, directory, headless }: DriverInput): Promise<Driver> {
  const profile = join(directory, 'profile');
  await mkdir(profile);
  const preferences = Object.entries(PREFERENCES).map(
    ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`,
  );
  await writeFile(join(profile, 'user.js'), preferences.join(''));
  return {
    command: executable,
    args: [
      ...(headless ? ['--headless'] : []),
      '--no-remote',
      '--profile',
      profile,
      '--remote-debugging-port',
      '0',
      'about:blank',
    ],
    env: { MOZ_CRASHREPORTER_DISABLE: '1', MOZ_DATA_REPORTING: '0' },
    async connect(process) {
      const [, endpoint] = await process.line(/WebDriver BiDi listening on (ws:\S+)/);
      return connection(await BidiClient.connect(`${endpoint}/session`));
    },
  };
}

interface LogEntry {
  readonly level: string;
  readonly text: string | null;
  readonly type: string;
  readonly method?: string;
  readonly source: { readonly context?: string };
}

async function connection(client: BidiClient): Promise<Connection> {
  const session = await client.send<{ capabilities: { browserVersion: string } }>('session.new', {
    capabilities: { alwaysMatch: { unhandledPromptBehavior: { default: 'accept', beforeUnload: 'accept' } } },
  });
  const consoles = new Map<string, ConsoleMessage[]>();
  client.on<LogEntry>('log.entryAdded', ({ source, type, method, text }) => {
    consoles
      .get(source.context ?? '')
      ?.push({ type: type === 'javascript' ? 'exception' : (method ?? type), text: text ?? '' });
  });
  await client.send('session.subscribe', { events: ['log.entryAdded', 'browsingContext.contextDestroyed'] });
  return {
    version: session.capabilities.browserVersion,
    async newPage(url) {
      const { context } = await client.send<{ context: string }>('browsingContext.create', { type: 'window' });
      const console: ConsoleMessage[] = [];
      consoles.set(context, console);
      const page = makePage(client, context, console);
      await page.navigate(url);
      return page;
    },
    quit: () => client.send('browser.close', {}),
    gone: (error) => client.close(error),
  };
}

type Evaluated =
  | { readonly type: 'success'; readonly result: { readonly value: string } }
  | { readonly type: 'exception'; readonly exceptionDetails: { readonly text: string } };

function makePage(client: BidiClient, context: string, console: readonly ConsoleMessage[]): Page {
  const destroyed = Promise.withResolvers<never>();
  destroyed.promise.catch(() => {});
  client.on<{ context: string }>('browsingContext.contextDestroyed', (event) => {
    if (event.context === context) destroyed.reject(new BrowserError('BROWSER_GONE', 'the page was closed'));
  });
  return {
    console,
    async evaluate<T>(expression: string): Promise<T> {
      const command = client.send<Evaluated>('script.evaluate', {
        expression: wrap(expression),
        target: { context },
        awaitPromise: true,
      });
      const evaluated = await Promise.race([command, destroyed.promise]);
      if (evaluated.type === 'exception')
        throw new BrowserError('PAGE_SCRIPT_FAILED', `the page threw ${evaluated.exceptionDetails.text}`);
      return unwrap<T>(evaluated.result.value);
    },
    async navigate(url) {
      await client.send('browsingContext.navigate', { context, url, wait: 'complete' }).catch((cause: Error) => {
        throw new BrowserError('PAGE_NAVIGATION_FAILED', `cannot load ${url}: ${cause.message}`, { cause });
      });
    },
    async close() {
      await client.send('browsingContext.close', { context, promptUnload: false });
    },
  };
}
