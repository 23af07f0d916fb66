// For browsers without MediaSource: an audio element that plays HLS by itself, or an endless address, late. What is told of the room comes beside the sound.

import { beacons } from "../pull/beacon";
import { Told } from "../pull/told";
import { FRAMES_PER_SECOND } from "./boxes";
import { Timeline, type RoomEvent } from "./events";
import { USUAL_HOUR } from "./line";
import type { Ear, Phase } from "./player";

const FIRST_WAIT = 1000, LONGEST_WAIT = 10_000; // ms
/** How long a player that ran dry may look for sound by itself, in ms: some never tell that their line was cut. */
const PATIENCE = 4000;
/** Between two looks at what is told of the room, and at what of that is due, in ms. */
const LOOK = 2000, TICK = 250;
/** How late the ear is where the browser does not say it, in s: of pieces, and of an endless address. */
const LATE_PIECES = 8, LATE_ENDLESS = 4;

/** Safari says when what it plays was said. */
type Dated = HTMLAudioElement & { getStartDate?: () => Date };

export class Plain implements Ear {
  phase: Phase = "ready";
  retryAt = 0;
  readonly inside = undefined;
  reconnects = 0;
  readonly behind = false;
  readonly delay = 0;
  readonly gaps = 0;
  readonly hourly = USUAL_HOUR;
  #wait = FIRST_WAIT;
  #dry = 0; // timer
  readonly #told: Told;
  readonly #timeline = new Timeline();
  #epoch = NaN; // when frame 0 began, in s of Unix time
  #last = 0; // one behind the newest frame that was told of
  #asked = 0; // when that was, as performance.now()
  #over = false; // there is no more to come

  /** `base` is the room's address; its sound is `base`/hls/master.m3u8, `base`/live.ogg, or `base`/live.aac. */
  constructor(
    private readonly audio: HTMLAudioElement,
    private readonly base: string,
    private readonly changed: () => void,
    /** Tells an event when the ear gets to it; without it nothing is asked about the room. */
    private readonly show?: (e: RoomEvent) => void,
  ) {
    audio.preload = "none";
    this.#told = new Told(base);
    // An endless address is a seat, which is counted where it is.
    beacons(base, () => this.begun && this.#pieces);
    audio.addEventListener("playing", () => {
      this.phase = "listening";
      this.#wait = FIRST_WAIT;
      clearTimeout(this.#dry);
      changed();
    });
    audio.addEventListener("waiting", () => {
      clearTimeout(this.#dry);
      if (this.begun) this.#dry = setTimeout(() => this.#lost(), PATIENCE);
    });
    audio.addEventListener("pause", changed);
    audio.addEventListener("error", () => this.#lost());
    // A playlist's end is one. Of an endless address the element cannot tell it from a cut, unless it was told.
    audio.addEventListener("ended", () => (this.#over ? this.#end() : this.#pieces ? this.leave() : this.#lost()));
    if (!show) return;
    setInterval(() => void this.#ask().catch(() => {}), LOOK); // what cannot be had is asked for again
    setInterval(() => this.#tell(this.frame), TICK);
  }

  get begun(): boolean {
    return this.phase === "listening";
  }

  get seated(): boolean {
    return !["ready", "ended"].includes(this.phase);
  }

  get frame(): number {
    if (!this.#asked || !this.begun) return 0;
    const audio: Dated = this.audio;
    const at = (audio.getStartDate?.().getTime() ?? NaN) / 1000 + audio.currentTime - this.#epoch;
    if (!Number.isNaN(at)) return Math.max(0, Math.floor(at * FRAMES_PER_SECOND));
    const since = (performance.now() - this.#asked) / 1000 - (this.#pieces ? LATE_PIECES : LATE_ENDLESS);
    return Math.max(0, this.#last + Math.floor(since * FRAMES_PER_SECOND));
  }

  size(): number {
    return 0;
  }

  play(): void {
    const plays = (type: string) => this.audio.canPlayType(`audio/${type};codecs=opus`);
    const hls = plays("mp4") && this.audio.canPlayType("application/vnd.apple.mpegurl");
    this.audio.src = `${this.base}/${hls ? "hls/master.m3u8" : plays("ogg") ? "live.ogg" : "live.aac"}`;
    this.phase = "joining";
    this.audio.play().catch(this.changed);
    this.changed();
  }

  /** An endless address cannot be paused. */
  pause(): void {
    this.leave();
  }

  leave(): void {
    clearTimeout(this.#dry);
    this.audio.removeAttribute("src");
    this.audio.load();
    this.phase = "ready";
    this.changed();
  }

  live(): void {
    this.play();
  }

  get #pieces(): boolean {
    return this.audio.src.endsWith("8");
  }

  async #ask(): Promise<void> {
    if (!this.seated) return;
    const { last, over, epoch, events } = await this.#told.ask();
    if (last < this.#last) return; // of an edge, or a cache, that is behind
    this.#asked = performance.now();
    this.#last = last;
    this.#over = over;
    if (epoch) this.#epoch = Date.parse(epoch) / 1000;
    for (const { at, e } of events) if (e.t !== "moved") this.#timeline.add("at" in e ? e.at : at, e); // an element cannot be taken elsewhere while it sounds
    if (over && this.phase === "lost") this.#end();
  }

  #tell(frame: number): void {
    const due = this.#timeline.due(frame);
    due.forEach(this.show!);
    if (due.length) this.changed();
  }

  #end(): void {
    this.leave();
    this.phase = "ended";
    this.#tell(Infinity);
    this.changed();
  }

  #lost(): void {
    if (!this.seated || this.phase === "lost") return;
    this.phase = "lost";
    this.retryAt = Date.now() + this.#wait;
    setTimeout(() => {
      if (this.phase !== "lost") return;
      this.reconnects++;
      this.play();
    }, this.#wait);
    this.#wait = Math.min(2 * this.#wait, LONGEST_WAIT);
    this.changed();
  }
}
