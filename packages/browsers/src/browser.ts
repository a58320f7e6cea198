// The one interface over three engines and three automation protocols.

/** Engines this package can drive. `webkit` is WebKitGTK's MiniBrowser, the nearest thing to Safari on Linux. */
export type BrowserName = 'chromium' | 'firefox' | 'webkit';

export const browserNames: readonly BrowserName[] = ['chromium', 'firefox', 'webkit'];

export interface LaunchOptions {
  /** Without a window; default true. WebKitGTK has no headless mode and always runs on a virtual display. */
  readonly headless?: boolean;
  /** Ends the launch, or the launched browser, when it fires. */
  readonly signal?: AbortSignal;
  /** Receives what the browser's processes write to stdout and stderr, one line a call. */
  readonly log?: (line: string) => void;
  /** How long a launch may take before it is an error; default 60 s. */
  readonly timeoutMs?: number;
  /** Added to the browser's environment, such as `JSC_useSharedArrayBuffer=1` for WebKitGTK. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface ConsoleMessage {
  /** The console method (`log`, `warn`, `error` …), or `exception` for an error nobody caught. */
  readonly type: string;
  readonly text: string;
}

export interface Page {
  /** What the page and its workers wrote to the console so far, oldest first. Always empty for WebKitGTK. */
  readonly console: readonly ConsoleMessage[];
  /**
   * Evaluates an expression in the page, awaits it if it is a promise and returns its value as JSON carries it.
   * An error thrown in the page is thrown here with its message, as `PAGE_SCRIPT_FAILED`;
   * `BROWSER_GONE` when page or browser end before the value is there.
   */
  evaluate<T>(expression: string): Promise<T>;
  /** Loads `url` and resolves after the page's load event. */
  navigate(url: string): Promise<void>;
  /** Closes the tab as its user would: `pagehide` and `unload` run, and `beforeunload` cannot hold it. */
  close(): Promise<void>;
  /** The page lifecycle's frozen state, where a driver can enforce it (Chromium). */
  readonly lifecycle?: { freeze(): Promise<void>; resume(): Promise<void> };
}

export interface Browser extends AsyncDisposable {
  readonly name: BrowserName;
  /** The browser's own version, such as `156.0.8078.79`. */
  readonly version: string;
  /** Process id of the browser (for WebKitGTK: of its driver, which is its parent). */
  readonly pid: number;
  /** Settles when the browser's process has ended, for whatever reason. */
  readonly done: Promise<void>;
  /** Opens `url` in a window of its own, so that pages do not hide one another, and resolves after its load event. */
  newPage(url: string): Promise<Page>;
  /** SIGKILL for every process of this browser, as a crash or a power cut would; resolves when none is left. */
  kill(): Promise<void>;
  /** Closes the browser and resolves when no process and no file of it is left. */
  close(): Promise<void>;
}
