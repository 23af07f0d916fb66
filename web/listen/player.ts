// Puts line, sound and pace together: takes a seat at the tap, begins at the right distance, keeps it, comes back after trouble.

import { FRAMES_PER_SECOND, type Fragment } from "./boxes";
import { Timeline, type RoomEvent } from "./events";
import { Line, type Listener, type Pull, type Refusal, type Trouble } from "./line";
import { Pace } from "./pace";
import type { Places } from "./places";
import { Sound } from "./sound";
import type { Wait, WaitStore } from "./wait";

/** What a player is at. `ready`: no seat is taken. */
export type Phase = "ready" | "joining" | "listening" | Trouble | Refusal;

/** Sound that must be here before the first note, in s: two of the shortest cadences, so that the second is not a stumble. */
const ENOUGH = 0.4;
/** The same behind a hole, where no burst follows, in s; or the usual distance, where that is less. */
const ENOUGH_AGAIN = 1;
/** What a browser may leave unplayed when it waits for more, in s. */
const NEARLY_DRY = 0.3;
/** A listener who paused is offered the way to live from this on, in s beyond the usual delay. */
const BEHIND = 2;
/** A pause after which the seat is given up, in ms. */
const LONGEST_PAUSE = 10 * 60_000;
/** A wait goes on for no longer than this after the page was loaded again, in ms, should the clock have been set meanwhile. */
const LONGEST_REST = 60_000;
/** Before a source that the browser gave up on is replaced, in ms: should it be the sound's fault, this is no hurry. */
const BROKEN_WAIT = 1000;
/**
 * What is added to the seat's depth when a line that flows ran dry all the same, in s, and how much at most; and for how long, in s, it must
 * not run dry for as much to be taken back. A listener on an uneven line would rather hear all of it a little later.
 */
const SLACK = 0.5, MOST_SLACK = 2, SMOOTH = 60;
/** An ear that is nearer to the stage than its depth by more than this, in s, is still on its way: an edge may rely on what it has only. */
const SHORT = 0.3;
const TICK = 50; // ms

/** Packet sizes of the last 10 minutes are kept by frame: what the theatre draws. */
const SIZES = 1 << 15;

/** What is shown of a player, and what may be done with it. */
export interface Ear {
  readonly phase: Phase;
  /** A seat is taken, or being taken. */
  readonly seated: boolean;
  /** The ear is in the sound. */
  readonly begun: boolean;
  /** The listener paused, and hears what is older than live. */
  readonly behind: boolean;
  /** When the next attempt is, in ms of Date.now(), while the phase is a trouble. */
  readonly retryAt: number;
  /** Seats of a room that is full, where known. */
  readonly inside: number | undefined;
  /** The frame at the ear; 0 when that cannot be known. */
  readonly frame: number;
  /** How far the ear is behind the stage, in s; 0 when that cannot be known. */
  readonly delay: number;
  /** How often sound was missing, or jumped over, after it had begun. */
  readonly gaps: number;
  /** How often sound flowed again after the line was lost. */
  readonly reconnects: number;
  /** Bytes that an hour of this sound is. */
  readonly hourly: number;
  /** Size of a frame's packet in bytes: small is quiet. */
  size(frame: number): number;
  /** Plays; to be called from a tap, which is what browsers want before they sound. */
  play(): void;
  pause(): void;
  /** Gives the seat up. */
  leave(): void;
  /** From a pause, or from behind, to what is said now. */
  live(): void;
}

export class Player implements Ear, Listener {
  phase: Phase = "ready";
  retryAt = 0;
  inside: number | undefined;
  begun = false;
  behind = false;
  gaps = 0;

  /** The present one. What takes a listener to another room puts another line in its place. */
  line: Line;
  readonly #pace = new Pace();
  readonly #timeline = new Timeline();
  readonly #sizes = new Uint16Array(SIZES);
  #depth = 4; // as the seat says, s
  #asked = 0; // what the answer was asked to go on with, s
  #slack = 0; // more than that, s
  #slackened = 0; // when that changed, in s
  #dry = false; // the ear waits for sound
  #finished = false; // all of the room's sound is here
  #pausedAt = 0;
  #rested = false; // has paused, and what that means for the distance is not settled yet

  constructor(
    private readonly audio: HTMLAudioElement,
    private readonly sound: Sound,
    places: Places,
    path: string,
    private readonly store: WaitStore,
    /** Tells an event when the ear gets to it. */
    private readonly show: (e: RoomEvent) => void,
    /** Something that is shown may have changed. */
    private readonly changed: () => void,
    pull?: () => Promise<Pull>,
  ) {
    this.line = new Line(places, path, this, pull);
    audio.addEventListener("pause", () => {
      this.#rested = true;
      this.#pausedAt = performance.now();
      changed();
    });
    audio.addEventListener("play", () => {
      this.#resume();
      changed();
    });
    audio.addEventListener("playing", changed);
    audio.addEventListener("ended", () => this.#over("ended"));
    audio.addEventListener("error", () => this.#again());
    setInterval(() => this.#tick(), TICK);
    sound.grown = () => {
      if (!this.begun) this.#tick();
    };
  }

  get frame(): number {
    return Math.floor(this.audio.currentTime * FRAMES_PER_SECOND);
  }

  get delay(): number {
    return this.begun ? Math.max(0, this.#pace.delay(this.audio.currentTime, performance.now() / 1000)) : 0;
  }

  get seated(): boolean {
    return !["ready", "unknown", "ended", "removed"].includes(this.phase);
  }

  get reconnects(): number {
    return this.line.reconnects;
  }

  get hourly(): number {
    return this.line.hourly;
  }

  size(frame: number): number {
    return this.#sizes[frame & (SIZES - 1)]!;
  }

  play(): void {
    if (!this.seated) this.#open();
    this.#sounds();
    this.changed();
  }

  /** Goes on with a wait that the page was in before it was loaded again. Where sound needs a tap, the button waits for it. */
  restore(): void {
    const wait = this.store.read();
    if (!wait) return;
    this.#open({ ...wait, at: Math.min(wait.at, Date.now() + LONGEST_REST) });
    this.#sounds();
  }

  #open(wait?: Wait): void {
    this.phase = "joining";
    this.#pausedAt = performance.now();
    this.#asked = 0;
    if (this.begun) this.anew();
    this.line.open(wait);
  }

  pause(): void {
    if (this.begun) this.audio.pause();
    else this.leave();
  }

  leave(): void {
    this.line.close();
    this.store.forget();
    this.phase = "ready";
    this.audio.pause();
    this.changed();
  }

  live(): void {
    this.behind = false;
    this.#dry = true; // what is left out now is not missing
    if (this.begun) this.#jump(this.audio.currentTime);
    this.play();
  }

  head(bytes: Uint8Array): void {
    this.sound.head(bytes);
  }

  fragment(f: Fragment): void {
    this.sound.append(f.bytes);
    f.sizes.forEach((size, i) => (this.#sizes[(f.from + i) & (SIZES - 1)] = size));
    this.#pace.arrived((f.from + f.sizes.length) / FRAMES_PER_SECOND, performance.now() / 1000);
  }

  event(at: number, e: RoomEvent): void {
    if (e.t === "seat") {
      // What the ear has it keeps: an edge that does not know of it gives the room's depth, and nobody should miss sound for that.
      this.#depth = Math.max(e.depth_ms / 1000, this.#asked);
      this.#slacken(0);
    } else this.#timeline.add("at" in e ? e.at : at, e);
  }

  depth(): number {
    const short = this.begun && this.delay < this.#depth - SHORT;
    this.#asked = short ? this.delay : this.#depth;
    return Math.round(1000 * this.#asked);
  }

  anew(): void {
    const plays = !this.audio.paused;
    this.#timeline.clear();
    this.#pace.clear();
    this.sound.clear(); // which pauses
    this.begun = false;
    this.#finished = false;
    if (plays) this.#sounds();
  }

  flows(): void {
    this.phase = "listening";
    this.store.forget();
    this.changed();
  }

  waits(wait: Wait): void {
    this.phase = wait.why;
    this.retryAt = wait.at;
    this.inside = wait.inside;
    if (wait.why !== "lost") this.store.keep(wait);
    this.changed();
  }

  finished(): void {
    this.#finished = true;
    this.sound.end();
  }

  refused(why: Refusal): void {
    // What is here is heard to the last word.
    if (why === "ended" && this.begun) this.finished();
    else this.#over(why);
  }

  #over(why: Refusal): void {
    this.phase = why;
    this.line.close();
    this.store.forget();
    this.audio.pause();
    for (const e of this.#timeline.due(Infinity)) this.show(e);
    this.changed();
  }

  #sounds(): void {
    // Refused when there was no tap, or overtaken by a pause or a new source: the button shows which.
    this.audio.play().catch(() => this.changed());
  }

  /** The browser gave up on the sound: begin again with a new source. */
  #again(): void {
    if (!this.seated) return;
    this.gaps++;
    this.waits({ why: "lost", at: Date.now() + BROKEN_WAIT, attempt: 0 });
    this.line.close();
    setTimeout(() => {
      if (!this.seated) return;
      this.anew();
      this.line.open();
    }, BROKEN_WAIT);
  }

  #tick(): void {
    if (!this.seated) return;
    if (this.audio.paused) {
      if (performance.now() > this.#pausedAt + LONGEST_PAUSE) this.leave();
      return;
    }
    this.#resume();
    if (this.begun) this.#follow();
    else this.#begin();
    if (!this.begun) return;
    const due = this.#timeline.due(this.frame);
    due.forEach(this.show);
    if (due.length) this.changed();
  }

  /** Who comes back from a pause stays behind. A tick may come before the element's event: it must not catch up what was paused. */
  #resume(): void {
    if (!this.#rested) return;
    this.#rested = false;
    this.behind = this.delay > this.#pace.target + BEHIND;
  }

  /** Enters the sound as soon as there is enough of it, no further behind than the seat's depth. */
  #begin(): void {
    const first = this.sound.from(0);
    if (first === undefined) {
      if (this.#finished) this.#over("ended");
      return;
    }
    const end = this.sound.until(first);
    if (end - first < ENOUGH && !this.#finished) return;
    this.audio.currentTime = Math.max(first, end - this.#pace.target);
    this.begun = true;
    this.#dry = true; // until the element sounds, which is no gap
    this.changed();
  }

  /** Keeps the distance, and crosses what is missing. */
  #follow(): void {
    const { audio, sound } = this;
    if (audio.seeking) return;
    const now = performance.now() / 1000, ear = audio.currentTime;
    // Browsers stop a little before the last sample that they have. With more at hand it is the machine that is late, not the sound.
    const dry = audio.readyState < HTMLMediaElement.HAVE_FUTURE_DATA && sound.until(ear) - ear < NEARLY_DRY;
    if (dry) this.#missing();
    else this.#dry = false;
    if (this.#slack > 0 && now > this.#slackened + SMOOTH) this.#slacken(-SLACK);
    const next = dry ? sound.from(sound.until(ear)) : undefined;
    if (next !== undefined) {
      // Behind a hole there must be something to live on.
      const enough = Math.min(ENOUGH_AGAIN, this.#pace.target - TICK / 1000);
      if (this.#finished || sound.until(next) - next >= enough) this.#jump(next);
    } else if (!this.behind && this.#pace.far(ear, now)) this.#jump(ear);
    this.behind &&= this.delay > this.#pace.target; // with more depth what was behind may be where live is heard
    const rate = this.behind ? 1 : this.#pace.rate(ear, now);
    if (audio.playbackRate !== rate) audio.playbackRate = rate;
  }

  /** The listener notices: once, until sound is heard again. The end is no gap. */
  #missing(): void {
    if (this.#dry || this.#finished) return;
    this.#dry = true;
    this.gaps++;
    if (!this.line.broken) this.#slacken(SLACK);
    this.changed();
  }

  #slacken(by: number): void {
    this.#slack = Math.min(MOST_SLACK, Math.max(0, this.#slack + by));
    this.#slackened = performance.now() / 1000;
    this.#pace.target = this.#depth + this.#slack;
  }

  /** Goes to where live is heard at the usual distance, but not before `least`; to the nearest sound from there on that is here. */
  #jump(least: number): void {
    const { audio, sound } = this;
    const goal = this.#pace.stage(performance.now() / 1000) - this.#pace.target;
    const to = sound.from(Math.max(goal, least));
    if (to === undefined || to < audio.currentTime + 0.02) return;
    if (!audio.paused) this.#missing();
    audio.currentTime = to;
  }
}
