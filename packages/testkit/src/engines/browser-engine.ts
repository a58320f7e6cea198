import { type Browser, type BrowserName, launchBrowser, type Page } from '@wigeon/browsers';
import type { Outcome } from './call.ts';
import type { PageCall } from './host.page.ts';

/** One browser of this process with a page per kind of isolation, started when first needed and used again after. */
export class BrowserEngine {
  readonly #name: BrowserName;
  #browser: Promise<Browser> | undefined;
  readonly #pages = new Map<string, Promise<Page>>();

  constructor(name: BrowserName) {
    this.#name = name;
  }

  /** Runs a call in a worker of the page at `url`. Rejects if browser or page do not answer; the next call gets new ones. */
  async run(url: string, call: PageCall, cancelled: Promise<unknown>): Promise<Outcome> {
    const page = await this.#page(url);
    const outcome = page.evaluate<Outcome>(`runCall(${JSON.stringify(call)})`);
    void cancelled.then(() => page.evaluate(`cancelCall(${JSON.stringify(call.id)})`)).catch(() => {});
    // The page ends a worker that hangs; a page that hangs itself is given up.
    const silent = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => silent.reject(new Error(`the page in ${this.#name} does not answer`)),
      call.timeoutMs + PAGE_GRACE_MS,
    );
    try {
      return await Promise.race([outcome, silent.promise]);
    } catch (error) {
      outcome.catch(() => {});
      await this.close();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    const browser = this.#browser;
    this.#browser = undefined;
    this.#pages.clear();
    await (await browser?.catch(() => undefined))?.kill();
  }

  #page(url: string): Promise<Page> {
    const known = this.#pages.get(url);
    if (known) return known;
    this.#browser ??= launchBrowser(this.#name);
    const page = this.#browser.then((browser) => browser.newPage(url));
    this.#pages.set(url, page);
    page.catch(() => this.close());
    return page;
  }
}

const PAGE_GRACE_MS = 10_000;
