const LONGEST = 4096;

/** The texts of `Warning: 299 - "…"` headers (distribution-spec, "Warnings"); others are not for users. */
export function parseWarnings(header: string | null): string[] {
  if (header === null) return [];
  const texts: string[] = [];
  for (const [, text] of header.slice(0, LONGEST).matchAll(/299 - "((?:[^"\\]|\\.)*)"/g)) {
    texts.push(text!.replace(/\\(.)/g, '$1'));
  }
  return texts;
}
