import type { AgentEngine } from '@wigeon/protocol';

/** Which browser engine a user-agent string names. Chromium's contains the others' names too, so it is asked first. */
export function identifyEngine(userAgent: string): { name: AgentEngine; version: string } {
  const engines: readonly [AgentEngine, RegExp][] = [
    ['chromium', /Chrome\/([\d.]+)/],
    ['firefox', /Firefox\/([\d.]+)/],
    ['webkit', /AppleWebKit\/.*Version\/([\d.]+)/],
  ];
  for (const [name, pattern] of engines) {
    const version = pattern.exec(userAgent)?.[1];
    if (version) return { name, version: version.slice(0, 64) };
  }
  return { name: 'other', version: '' };
}
