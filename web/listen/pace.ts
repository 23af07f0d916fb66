// How far the ear is behind the stage, and how fast it should play to be where it should be. Pure: times are given, in seconds.

/**
 * Nobody hears a voice that is 3 % fast or slow, when its pitch stays. The edge counts on 3 % when it asks for more depth, so that more
 * would gain nothing; and 15 % slow is heard as a warble in music, which is what plays before the beginning.
 */
const GENTLE = 0.03;
/**
 * Off by less than OFF, the pace stays 1; once off, the ear is brought nearer than NEAR; half as fast from BRISK on when it is late. Who
 * is early runs dry first, and an edge counts the seconds that it asked for: there the pace stays slow to the end. In s.
 */
const OFF = 0.04, NEAR = 0.01, BRISK = 0.15;
/** Further off than this is caught up by a jump, not by hurrying for minutes. */
const JUMP = 1;
/** How fast the estimate forgets a lucky early arrival: clocks differ by less, and paths change. */
const FORGET = 0.002;

/** Holds the ear `target` seconds behind the stage. */
export class Pace {
  target = 4;
  #lead = -Infinity; // the stage's time minus ours, as the earliest of the late arrivals showed it
  #at = 0;
  #correcting = false;

  /** Sound up to the media time `end` has arrived. What arrives just now was made just now, or earlier. */
  arrived(end: number, now: number): void {
    this.#lead = Math.max(end - now, this.#lead - FORGET * (now - this.#at));
    this.#at = now;
  }

  /** The media time that is heard on stage. */
  stage(now: number): number {
    return this.#lead + now;
  }

  /** How far a listener at this media time is behind the stage. */
  delay(position: number, now: number): number {
    return this.stage(now) - position;
  }

  /** The rate to play at. */
  rate(position: number, now: number): number {
    const off = this.delay(position, now) - this.target;
    if (Math.abs(off) > OFF) this.#correcting = true;
    if (Math.abs(off) < NEAR) this.#correcting = false;
    if (!this.#correcting) return 1;
    return off < 0 ? 1 - GENTLE : off > BRISK ? 1 + GENTLE : 1 + GENTLE / 2;
  }

  /** Whether hurrying would take too long. */
  far(position: number, now: number): boolean {
    return this.delay(position, now) - this.target > JUMP;
  }

  /** Forgets the stage: its clock is another one now. */
  clear(): void {
    this.#lead = -Infinity;
    this.#correcting = false;
  }
}
