import { BrowserError } from './error.ts';
import { programOnPath } from './find.ts';
import { type SupervisedCommand, supervise } from './processes/supervise.ts';

/** A virtual X display with a free number, which Xvfb picks itself. It ends with `kill`. */
export async function startDisplay(log?: (line: string) => void): Promise<{ name: string; xvfb: SupervisedCommand }> {
  const program = programOnPath('Xvfb');
  if (!program) throw new BrowserError('BROWSER_NOT_INSTALLED', 'Xvfb is not on PATH (Debian package xvfb)');
  const xvfb = await supervise(program, {
    args: ['-displayfd', '3', '-screen', '0', '1280x800x24', '-nolisten', 'tcp', '-noreset'],
    env: { PATH: process.env.PATH ?? '' },
    log,
  });
  const number = await Promise.race([xvfb.firstLineOfFd3, xvfb.done]);
  if (number === undefined) throw new BrowserError('BROWSER_LAUNCH_FAILED', `Xvfb ended at its start:\n${xvfb.tail()}`);
  return { name: `:${number}`, xvfb };
}
