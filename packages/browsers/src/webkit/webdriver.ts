// WebDriver (W3C, the classic one): one HTTP request a command.
import { Agent, request } from 'node:http';
import { BrowserError } from '../error.ts';

/** A command the driver refused; `error` is the code of the WebDriver specification, such as `no such window`. */
export class WebDriverError extends Error {
  readonly error: string;
  constructor(error: string, message: string) {
    super(`${error}: ${message}`);
    this.error = error;
  }
}

export class WebDriverClient {
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true });
  #closed: Error | undefined;
  #session = '';

  constructor(port: number) {
    this.#port = port;
  }

  /** Starts the session that later commands belong to, and returns its capabilities. */
  async newSession(capabilities: object): Promise<{ readonly browserVersion: string }> {
    type Session = { sessionId: string; capabilities: { browserVersion: string } };
    const session = await this.#request<Session>('POST', '/session', { capabilities: { alwaysMatch: capabilities } });
    this.#session = `/session/${session.sessionId}`;
    return session.capabilities;
  }

  command<T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<T> {
    return this.#request<T>(method, this.#session + path, body ?? (method === 'POST' ? {} : undefined));
  }

  /** Fails what is under way and what comes later with `reason`. */
  close(reason: Error): void {
    this.#closed ??= reason;
    this.#agent.destroy();
  }

  // node:http and not fetch: a command may take as long as the page it waits for, and fetch gives up on slow headers.
  #request<T>(method: string, path: string, body: object | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(this.#closed);
      const fail = (cause: Error): void =>
        reject(
          this.#closed ?? new BrowserError('BROWSER_GONE', `WebKitWebDriver is gone: ${cause.message}`, { cause }),
        );
      const payload = body && JSON.stringify(body);
      const headers = payload
        ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }
        : {};
      const outgoing = request({ host: '127.0.0.1', port: this.#port, method, path, headers, agent: this.#agent });
      outgoing.on('error', fail);
      outgoing.on('response', async (response) => {
        try {
          const chunks: Buffer[] = [];
          for await (const chunk of response) chunks.push(chunk as Buffer);
          const { value } = JSON.parse(Buffer.concat(chunks).toString()) as { value: T };
          if (response.statusCode === 200) return resolve(value);
          const { error, message } = value as { error: string; message: string };
          reject(new WebDriverError(error, message));
        } catch (error) {
          fail(error as Error);
        }
      });
      outgoing.end(payload);
    });
  }
}
