// For browsers without MediaSource: an audio element that plays HLS by itself, or an endless address. It plays, late, and knows nothing of the room.

import { beacons } from "../pull/beacon";
import { USUAL_HOUR } from "./line";
import type { Ear, Phase } from "./player";

const FIRST_WAIT = 1000, LONGEST_WAIT = 10_000; // ms
/** How long a player that ran dry may look for sound by itself, in ms: some never tell that their line was cut. */
const PATIENCE = 4000;

export class Plain implements Ear {
  phase: Phase = "ready";
  retryAt = 0;
  readonly inside = undefined;
  reconnects = 0;
  readonly behind = false;
  readonly frame = 0;
  readonly delay = 0;
  readonly gaps = 0;
  readonly hourly = USUAL_HOUR;
  #wait = FIRST_WAIT;
  #dry = 0; // timer

  /** `base` is the room's address; its sound is `base`/hls/master.m3u8, `base`/live.ogg, or `base`/live.aac. */
  constructor(private readonly audio: HTMLAudioElement, private readonly base: string, private readonly changed: () => void) {
    audio.preload = "none";
    // An endless address is a seat, which is counted where it is.
    beacons(base, () => this.begun && audio.src.endsWith("8"));
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
    // A playlist's end is one. Of an endless address the element cannot tell it from a cut; asking again tells.
    audio.addEventListener("ended", () => (audio.src.endsWith("8") ? this.leave() : this.#lost()));
  }

  get begun(): boolean {
    return this.phase === "listening";
  }

  get seated(): boolean {
    return this.phase !== "ready";
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
