// The server's time, as a listener's machine can know it: what that machine takes for the time of day does not matter.

/** A reading of the server's clock: what it said, in ms, and when the question went out and the answer came, as performance.now(). */
export type Reading = { said: number; asked: number; came: number };

/** A reading whose round trip is longer by more than this than the shortest one says too little, in ms: clocks drift less meanwhile. */
const WORSE = 50;

export class ServerClock {
  #skew = NaN; // to be added to performance.now()
  #trip = Infinity; // the shortest of all readings

  /** It was said in the middle of the round trip, give or take half of it: of two readings the one with the shorter trip counts. */
  read(r: Reading): void {
    const trip = r.came - r.asked;
    if (trip > this.#trip + WORSE) return;
    this.#trip = Math.min(this.#trip, trip);
    this.#skew = r.said + trip / 2 - r.came;
  }

  /** Unix ms; NaN before the first reading. */
  at(now: number): number {
    return now + this.#skew;
  }
}

/** When to join, as server's ms: from the doors on, by chance, so that those who wait do not come at once; and before the start. */
export function joinAt(doors: number, start: number, now: number, chance: number): number {
  const from = Math.max(doors, now);
  const spread = Math.max(0, Math.min((start - from) / 2, LONGEST_SPREAD, start - LAST_CALL - from));
  return from + chance * spread;
}

const LONGEST_SPREAD = 300_000, LAST_CALL = 5000; // ms

/** What is left, in the parts in which it is shown. It is nothing only when nothing is left. */
export function parts(ms: number): { days: number; clock: string } {
  const s = Math.max(0, Math.ceil(ms / 1000));
  const two = (n: number) => String(n).padStart(2, "0");
  const hours = Math.floor(s / 3600) % 24;
  const clock = `${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  return { days: Math.floor(s / 86_400), clock: s < 3600 ? clock : `${hours}:${clock}` };
}
