import type { GuestCommand, GuestStart } from './messages.ts';
import { type Post, runGuest } from './run.ts';
import { SuspendableGuest } from './suspendable.ts';

/**
 * What a guest worker does with its messages: the first starts the program, later ones are commands.
 * @param nextTurn resolves after the messages that already wait have been handled
 */
export function guestReceiver(post: Post, nextTurn: () => Promise<void>): (message: GuestStart | GuestCommand) => void {
  let guest: SuspendableGuest | undefined;
  return (message) => {
    if ('kind' in message) guest?.command(message);
    else if (message.suspendable) {
      guest = new SuspendableGuest(message, post, nextTurn);
      void guest.run();
    } else runGuest(message, post);
  };
}
