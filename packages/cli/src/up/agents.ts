import { startNodeAgent } from '@wigeon/agent/node';
import { type BrowserName, findBrowsers, installBrowsers, launchBrowser } from '@wigeon/browsers';

export interface StartedAgents extends AsyncDisposable {
  /** What runs them, for people. */
  readonly where: string;
}

/** Opens the page in a headless browser, or starts Node agents when there is no browser (or none is wanted). */
export async function startAgents(options: {
  browser: BrowserName | 'none' | undefined;
  count: number;
  page: string;
  gateway: string;
  key: string;
  signal: AbortSignal;
  detail: (line: string) => void;
}): Promise<StartedAgents> {
  const { count, page, gateway, key, signal } = options;
  const name = options.browser ?? (await anyBrowser(options.detail));
  await using stack = new AsyncDisposableStack();
  if (name === 'none') {
    if (options.browser === undefined)
      options.detail(`no browser: the pods run in Node; open ${page} in a browser to lend it`);
    for (let index = 0; index < count; index++) {
      const agent = stack.use(startNodeAgent({ url: gateway, key, name: `node-agent-${index}`, signal }));
      await agent.ready;
    }
  } else {
    const browser = stack.use(await launchBrowser(name, { signal }));
    for (let index = 0; index < count; index++) await browser.newPage(page);
  }
  const owned = stack.move();
  return {
    where: name === 'none' ? `${count} in Node` : `${count} in headless ${name}`,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A browser of this machine; Chromium is installed where that is ours to do. */
async function anyBrowser(log: (line: string) => void): Promise<BrowserName | 'none'> {
  if (findBrowsers().length === 0) {
    await installBrowsers({ names: ['chromium'], log }).catch((error: unknown) =>
      log(error instanceof Error ? error.message : String(error)),
    );
  }
  return findBrowsers()[0]?.name ?? 'none';
}
