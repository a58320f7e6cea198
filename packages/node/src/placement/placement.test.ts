import { describe, expect, it } from 'vitest';
import { type Candidate, Placement, parseQuantity, type Slot, type WaitingReason } from './index.ts';

const GiB = 2 ** 30;
const agent = (id: string, cpuMillis = 2000, memoryBytes = GiB, containers = 4): Candidate => ({
  id,
  offer: { cpuMillis, memoryBytes, containers },
});
const never = new AbortController().signal;
const small = { cpuMillis: 500, memoryBytes: GiB / 4 };

/** Acquires and records why it had to wait. */
function ask(
  placement: Placement<Candidate>,
  demand = small,
  signal: AbortSignal = never,
): { slot: Promise<Slot<Candidate>>; reasons: WaitingReason[] } {
  const reasons: WaitingReason[] = [];
  return { slot: placement.acquire(demand, signal, (why) => reasons.push(why)), reasons };
}

describe('placement', () => {
  it('sums what agents offer', () => {
    const placement = new Placement();
    placement.put(agent('a'));
    placement.put(agent('b', 500, GiB));
    expect(placement.total()).toEqual({ agents: 2, cpuMillis: 2500, memoryBytes: 2 * GiB });
    placement.remove('a');
    expect(placement.total()).toEqual({ agents: 1, cpuMillis: 500, memoryBytes: GiB });
  });

  it('makes a container wait with a reason until an agent comes', async () => {
    const placement = new Placement<Candidate>();
    const { slot, reasons } = ask(placement);
    expect(reasons.map(({ reason }) => reason)).toEqual(['NoAgents']);
    placement.put(agent('a', 100));
    expect(reasons.at(-1)?.reason).toBe('NoAgentFits');
    placement.put(agent('b'));
    expect((await slot).agent.id).toBe('b');
  });

  it('spreads containers that ask for nothing', async () => {
    const placement = new Placement<Candidate>();
    placement.put(agent('a'));
    placement.put(agent('b'));
    const slots = await Promise.all(
      Array.from({ length: 4 }, () => ask(placement, { cpuMillis: 0, memoryBytes: 0 }).slot),
    );
    expect(slots.map((slot) => slot.agent.id).sort()).toEqual(['a', 'a', 'b', 'b']);
  });

  it('does not let a large container block a small one behind it', async () => {
    const placement = new Placement<Candidate>();
    placement.put(agent('a', 1000));
    const large = ask(placement, { cpuMillis: 4000, memoryBytes: 0 });
    expect((await ask(placement).slot).agent.id).toBe('a');
    expect(large.reasons).toHaveLength(1);
  });

  it('gives a released place to who waits, once', async () => {
    const placement = new Placement<Candidate>();
    placement.put(agent('a', 2000, GiB, 1));
    const first = await ask(placement).slot;
    const second = ask(placement);
    const third = ask(placement);
    first.release();
    first.release();
    await second.slot;
    expect(third.reasons.at(-1)?.reason).toBe('NoAgentFits');
  });

  it('stops waiting when aborted', async () => {
    const placement = new Placement<Candidate>();
    const gone = new AbortController();
    const { slot } = ask(placement, small, gone.signal);
    gone.abort(new Error('deleted'));
    await expect(slot).rejects.toThrow('deleted');
    placement.put(agent('a', 500));
    expect((await ask(placement).slot).agent.id).toBe('a');
  });
});

describe('quantities', () => {
  it.each([
    ['100m', 0.1],
    ['2', 2],
    ['1.5Gi', 1.5 * GiB],
    ['128974848', 128974848],
    ['129e6', 129e6],
    ['1k', 1000],
    ['.5', 0.5],
  ])('%s is %d', (text, value) => {
    expect(parseQuantity(text)).toBeCloseTo(value);
  });

  it.each(['', 'lots', '1 Gi', '1KB'])('"%s" is refused', (text) => {
    expect(() => parseQuantity(text)).toThrow(/is not a resource quantity/);
  });
});
