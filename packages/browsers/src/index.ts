export {
  type Browser,
  type BrowserName,
  browserNames,
  type ConsoleMessage,
  type LaunchOptions,
  type Page,
} from './browser.ts';
export { BrowserError, type BrowserErrorCode } from './error.ts';
export { type FoundBrowser, findBrowsers } from './find.ts';
export { type InstallOptions, installBrowsers } from './install.ts';
export { launchBrowser } from './launch.ts';
