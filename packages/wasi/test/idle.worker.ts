/** Lets this many milliseconds pass in a worker by a timer: what an engine and its driver cost without a guest. */
export default function idle(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
