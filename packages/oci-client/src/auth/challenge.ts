/** One scheme of a `WWW-Authenticate` header; parameter names are lower case. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;

/**
 * Reads a `WWW-Authenticate` header (RFC 9110, section 11.6.1): several challenges, quoted strings that hold commas
 * (as scopes do) and escapes. What cannot be read ends the list; nothing throws.
 */
export function parseChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  let at = 0;
  const skip = (pattern: RegExp): void => {
    pattern.lastIndex = at;
    if (pattern.test(header)) at = pattern.lastIndex;
  };
  const token = (): string | undefined => {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(header);
    if (match) at = TOKEN.lastIndex;
    return match?.[0];
  };
  while (at < header.length) {
    skip(/[\s,]+/y);
    const word = token();
    if (word === undefined) break;
    const before = at;
    skip(/\s+/y);
    if (header[at] === '=' && challenges.length > 0) {
      at++;
      skip(/\s+/y);
      const value = header[at] === '"' ? quoted() : token();
      if (value === undefined) break;
      challenges.at(-1)!.parameters[word.toLowerCase()] = value;
    } else {
      at = before;
      challenges.push({ scheme: word.toLowerCase(), parameters: {} });
    }
  }
  return challenges;

  function quoted(): string | undefined {
    let value = '';
    for (at++; at < header.length; at++) {
      const character = header[at]!;
      if (character === '"') {
        at++;
        return value;
      }
      if (character === '\\') at++;
      value += header[at] ?? '';
    }
    return undefined;
  }
}
