import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserName, LaunchOptions, Page } from './browser.ts';
import { connectChromium } from './chromium/chromium.ts';
import { startDisplay } from './display.ts';
import { BrowserError } from './error.ts';
import { executableOf } from './find.ts';
import { connectFirefox } from './firefox/firefox.ts';
import { type SupervisedCommand, supervise } from './processes/supervise.ts';
import { connectWebkit } from './webkit/webkit.ts';

/** What a driver makes of a started browser process. */
export interface Connection {
  readonly version: string;
  newPage(url: string): Promise<Page>;
  /** Asks the browser to quit; the process may take its time afterwards, or not answer at all. */
  quit(): Promise<void>;
  /** The browser is gone: reject what is under way with `error`, and close sockets. */
  gone(error: Error): void;
}

/** How one engine is started and connected to. */
export interface Driver {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  connect(process: SupervisedCommand, log: (line: string) => void): Promise<Connection>;
}

export interface DriverInput {
  readonly executable: string;
  /** An empty directory of the browser's own, for its profile, caches and home. */
  readonly directory: string;
  readonly headless: boolean;
}

const drivers: Readonly<Record<BrowserName, (input: DriverInput) => Promise<Driver>>> = {
  chromium: connectChromium,
  firefox: connectFirefox,
  webkit: connectWebkit,
};

const QUIT_MS = 3_000;

/**
 * Starts the system's own browser with an empty profile. None of its processes outlives this one, however it ends.
 * Throws BROWSER_NOT_INSTALLED, or BROWSER_LAUNCH_FAILED with the end of the browser's own output.
 */
export async function launchBrowser(name: BrowserName, options: LaunchOptions = {}): Promise<Browser> {
  options.signal?.throwIfAborted();
  const executable = executableOf(name);
  const headless = options.headless ?? true;
  const log = options.log ?? (() => {});
  const directory = await mkdtemp(join(tmpdir(), `wigeon-${name}-`));
  const driver = await drivers[name]({ executable, directory, headless });
  const started: SupervisedCommand[] = [];
  let givenUp = false;
  const track = async (command: SupervisedCommand): Promise<void> => {
    started.push(command);
    // Started while the launch was being given up, so `killAll` has missed it.
    if (givenUp) await killAll();
  };
  const killAll = async (): Promise<void> => {
    await Promise.all(started.map((command) => command.kill()));
    await rm(directory, { recursive: true, force: true });
  };

  const launch = async (): Promise<{ command: SupervisedCommand; connection: Connection }> => {
    let display: Record<string, string> = {};
    if (name === 'webkit' || !headless) {
      const { name: displayName, xvfb } = await startDisplay(log);
      await track(xvfb);
      display = { DISPLAY: displayName };
    }
    const command = await supervise(driver.command, {
      args: driver.args,
      env: { ...environment(directory), ...display, ...driver.env, ...options.env },
      remove: [directory],
      log,
    });
    await track(command);
    const ended = command.done.then(() => {
      throw new BrowserError('BROWSER_LAUNCH_FAILED', `${name} ended before it could be driven:\n${command.tail()}`);
    });
    return { command, connection: await Promise.race([driver.connect(command, log), ended]) };
  };

  const abandoned = Promise.withResolvers<never>();
  abandoned.promise.catch(() => {});
  const timeoutMs = options.timeoutMs ?? 60_000;
  const timer = setTimeout(() => {
    const tail = started.map((command) => command.tail()).join('\n') || '(it wrote nothing)';
    abandoned.reject(
      new BrowserError(
        'BROWSER_LAUNCH_FAILED',
        `${name} could not be driven within ${timeoutMs} ms; its output:\n${tail}`,
      ),
    );
  }, timeoutMs);
  const onAbort = (): void => abandoned.reject(options.signal?.reason);
  options.signal?.addEventListener('abort', onAbort);
  try {
    const { command, connection } = await Promise.race([launch(), abandoned.promise]);
    options.signal?.addEventListener('abort', () => void killAll(), { once: true });
    return makeBrowser(name, command, connection, killAll);
  } catch (error) {
    givenUp = true;
    await killAll();
    throw error;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', onAbort);
  }
}

function makeBrowser(
  name: BrowserName,
  command: SupervisedCommand,
  connection: Connection,
  killAll: () => Promise<void>,
): Browser {
  let closing: Promise<void> | undefined;
  const done = command.done.then(async () => {
    connection.gone(new BrowserError('BROWSER_GONE', `${name} has ended`));
    await killAll();
  });
  const close = async (): Promise<void> => {
    // A browser that does not quit in time is killed: its profile is thrown away in any case.
    const late = new Promise<void>((resolve) => setTimeout(resolve, QUIT_MS).unref());
    await Promise.race([connection.quit().catch(() => {}), late, command.done]);
    await killAll();
    await done;
  };
  return {
    name,
    version: connection.version,
    pid: command.pid,
    done,
    newPage: (url) => connection.newPage(url),
    async kill() {
      await killAll();
      await done;
    },
    close: () => (closing ??= close()),
    [Symbol.asyncDispose]: () => (closing ??= close()),
  };
}

/** The environment of a browser: what it needs of ours, and a home of its own so that it leaves nothing in the user's. */
function environment(directory: string): Record<string, string> {
  const env: Record<string, string> = { HOME: directory, TMPDIR: directory, XDG_RUNTIME_DIR: directory };
  for (const name of ['PATH', 'LANG', 'LC_ALL', 'TZ', 'LD_LIBRARY_PATH']) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return env;
}
