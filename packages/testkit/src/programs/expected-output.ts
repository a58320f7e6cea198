// What the test programs print, computed here a second time, so that tests can compare every byte.

const LINE = 32;

/** Output of `lines` on one of its streams. */
export function expectedLines(stream: 'out' | 'err', bytes: number): Uint8Array {
  const expected = Buffer.alloc(Math.ceil(bytes / LINE) * LINE);
  for (let number = 0; number * LINE < bytes; number++) {
    const head = `${stream} ${String(number).padStart(8, '0')} `;
    const fill = String.fromCharCode(97 + (number % 26)).repeat(LINE - 1 - head.length);
    expected.write(`${head}${fill}\n`, number * LINE, 'latin1');
  }
  return new Uint8Array(expected.subarray(0, bytes));
}

/** Output of `binary-bytes`. */
export function expectedBinaryBytes(times = 1): Uint8Array {
  return Uint8Array.from({ length: 256 * times }, (_, at) => at % 256);
}

/** Output of `utf8`, by stream. */
export const expectedUtf8 = {
  stdout: 'plain, grüße, ☃ snowman, 水鳥, 🦆 duck\n',
  stderr: 'утка 🦆\n',
} as const;
