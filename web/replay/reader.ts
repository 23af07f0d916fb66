// Pulls the tape's objects into a SourceBuffer, from where the ear is, and no more of them than it needs.

import { BoxReader, FRAMES_PER_SECOND } from "../listen/boxes";
import { parseEvent, type RoomEvent } from "../listen/events";
import { mediaSource } from "../listen/sound";
import type { Index, Timeline } from "./index";

/** Sound ahead of the ear, in s; behind it, before it is dropped. */
const AHEAD = 20, BEHIND = 60;
const RETRY = 1000; // ms
const GRAIN = 0.05; // s

export class Reader {
  #source: MediaSource;
  #buffer: SourceBuffer | undefined;
  #head: ArrayBuffer | undefined;
  #busy = false;
  #missed = -1; // an object that could not be had, until it is tried again
  #abort = new AbortController();
  #placed = false;

  constructor(
    private readonly audio: HTMLAudioElement,
    private readonly path: string,
    private index: Index,
    private timeline: Timeline,
    private readonly heard: (at: number, e: RoomEvent) => void,
  ) {
    const kind = mediaSource()!;
    audio.disableRemotePlayback = true; // ManagedMediaSource does not open otherwise
    this.#source = kind.make();
    const url = URL.createObjectURL(this.#source);
    this.#source.addEventListener("sourceopen", () => {
      URL.revokeObjectURL(url);
      if (this.#buffer) return;
      this.#buffer = this.#source.addSourceBuffer(kind.type);
      this.#buffer.addEventListener("updateend", () => void this.pull());
      this.#source.duration = this.timeline.total;
      void this.pull();
    });
    audio.src = url;
    audio.addEventListener("seeking", () => {
      this.#abort.abort();
      this.#abort = new AbortController();
      void this.pull();
    });
    setInterval(() => void this.pull(), 500);
  }

  static get possible(): boolean {
    return mediaSource() !== undefined;
  }

  /** The tape has grown, or was closed. */
  grown(index: Index, timeline: Timeline): void {
    this.index = index;
    this.timeline = timeline;
    void this.pull();
  }

  /** Sound that is here from a time on without a hole, in s. */
  #until(at: number): number {
    const b = this.audio.buffered;
    for (let i = 0; i < b.length; i++) if (b.start(i) <= at + GRAIN && at < b.end(i)) return b.end(i);
    return at;
  }

  /** Does one thing that is to be done; its end calls again. */
  async pull(): Promise<void> {
    const buffer = this.#buffer;
    if (!buffer || buffer.updating || this.#busy || this.#source.readyState === "closed") return;
    const { audio, timeline } = this;
    const total = timeline.total;
    // Only a source that is open, and not at work, may be told how long it is.
    if (this.#source.readyState === "open" && total > this.#source.duration + 0.01) this.#source.duration = total;
    const ear = audio.currentTime;
    if (buffer.buffered.length && buffer.buffered.start(0) < ear - 2 * BEHIND) return buffer.remove(0, ear - BEHIND);
    const until = this.#until(ear);
    if (until > total - GRAIN) {
      if (this.index.closed && this.#source.readyState === "open") this.#source.endOfStream();
      return;
    }
    if (until - ear > AHEAD) return;
    await this.#fetch(timeline.frame(until + GRAIN));
  }

  async #fetch(frame: number): Promise<void> {
    const k = Math.floor(frame / this.index.segment);
    const whole = this.index.closed || (k + 1) * this.index.segment <= this.index.last;
    if (!whole || k === this.#missed) return;
    this.#busy = true;
    const signal = this.#abort.signal;
    try {
      this.#head ??= await get(`${this.path}/init.mp4`, signal);
      const bytes = await get(`${this.path}/${this.index.hls ? "seg-" : ""}${k}.m4s`, signal);
      for (const piece of new BoxReader().push(new Uint8Array(bytes))) {
        const e = piece.kind === "message" ? parseEvent(piece.data) : undefined;
        if (e && piece.kind === "message") this.heard(piece.at, e);
      }
      if (!signal.aborted) this.#append(frame, bytes);
    } catch {
      if (!signal.aborted) {
        this.#missed = k;
        setTimeout(() => (this.#missed = -1), RETRY);
      }
    } finally {
      this.#busy = false;
    }
    if (signal.aborted) void this.pull();
  }

  #append(frame: number, bytes: ArrayBuffer): void {
    const buffer = this.#buffer!;
    const offset = this.timeline.offset(frame);
    if (Math.abs(buffer.timestampOffset - offset) > 1 / FRAMES_PER_SECOND / 2) buffer.timestampOffset = offset;
    // A segment may hold more than its host has left of the tape: that lies before the beginning of the timeline.
    if (this.#placed) return buffer.appendBuffer(bytes);
    this.#placed = true;
    const both = new Uint8Array(this.#head!.byteLength + bytes.byteLength);
    both.set(new Uint8Array(this.#head!));
    both.set(new Uint8Array(bytes), this.#head!.byteLength);
    buffer.appendBuffer(both);
  }
}

async function get(url: string, signal: AbortSignal): Promise<ArrayBuffer> {
  const answer = await fetch(url, { signal, credentials: "omit" });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.arrayBuffer();
}
