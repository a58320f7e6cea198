// One form of evaluation for all drivers: the expression is wrapped so that the page itself turns value or error into
// a JSON text. Each driver then only has to await a promise of a string.
import { BrowserError } from './error.ts';

type Outcome = { readonly value?: unknown } | { readonly error: { name: string; message: string; stack?: string } };

/** An expression whose value is a promise of a string that `unwrap` understands; it never rejects. */
export function wrap(expression: string): string {
  return `(async () => {
  try {
    return JSON.stringify({ value: await (${expression}\n) }) ?? '{}';
  } catch (error) {
    const { name = 'Error', message = String(error), stack } = Object(error);
    return JSON.stringify({ error: { name, message, stack } });
  }
})()`;
}

/** The value in an outcome. Throws PAGE_SCRIPT_FAILED if the page threw. */
export function unwrap<T>(text: string): T {
  const outcome = JSON.parse(text) as Outcome;
  if ('error' in outcome) {
    const { name, message, stack } = outcome.error;
    throw new BrowserError('PAGE_SCRIPT_FAILED', `the page threw ${name}: ${message}`, {
      cause: Object.assign(new Error(message), { name, stack: stack ?? `${name}: ${message}` }),
    });
  }
  return outcome.value as T;
}
