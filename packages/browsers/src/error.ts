/** What went wrong with a browser; stable, for programs. */
export type BrowserErrorCode =
  | 'BROWSER_NOT_INSTALLED'
  | 'BROWSER_LAUNCH_FAILED'
  | 'BROWSER_GONE'
  | 'PAGE_NAVIGATION_FAILED'
  | 'PAGE_SCRIPT_FAILED';

/** Every error of this package; `cause` is the error of the driver below where there is one. */
export class BrowserError extends Error {
  override readonly name = 'BrowserError';
  readonly code: BrowserErrorCode;

  constructor(code: BrowserErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
