// The line to the edge: one endless response, and another one from the next frame on whenever it is lost.

import { BoxReader, FRAMES_PER_SECOND, type Fragment } from "./boxes";
import { parseEvent, type RoomEvent } from "./events";

/** Why no seat is to be had, for good. */
export type Refusal = "unknown" | "ended" | "removed";
/** Why there is none now. `lost` is a line that broke; the others are what the edge says. */
export type Trouble = "lost" | "full" | "early";

/** Whom a line tells. */
export interface Listener {
  head(bytes: Uint8Array): void;
  fragment(f: Fragment): void;
  event(at: number, e: RoomEvent): void;
  /** The edge counts frames anew: nothing that was heard before fits to what follows. */
  anew(): void;
  /** Sound flows (again). */
  flows(): void;
  /** The line tries again at `at`, in milliseconds of performance.now(). */
  waits(why: Trouble, at: number): void;
  /** The room has ended and all of it was sent. */
  finished(): void;
  refused(why: Refusal): void;
}

/** What an hour of opus-48 is in bytes, with its containers. */
export const USUAL_HOUR = 22e6;
/** First wait after a cut, and the longest one without word from the edge, in ms. */
const FIRST_WAIT = 200, LONGEST_WAIT = 10_000;
/** A listener who was in is told that the room is unknown only after this: an edge that starts again may not know its rooms yet. */
const UNKNOWN_GRACE = 30_000;
/** An answer that begins this far before the next frame wanted (the edge keeps a minute) comes from another clock. */
const ANEW = 70 * FRAMES_PER_SECOND;
/** How long beyond the cadence nothing may come before the line counts as dead, in ms. It doubles each time, up to the last. */
const SILENCE = 1500, LONGEST_SILENCE = 12_000;

export class Line {
  /** How often sound flowed again after the line was lost. */
  reconnects = 0;

  #closing = new AbortController();
  #wake = (): void => {}; // ends a wait
  #next = -1; // the frame after the last one received; -1: any
  #ended = false; // the room's end was announced
  #broken = true; // no sound has come in this answer yet
  #heard = -Infinity; // when the last sound came, as performance.now()
  #attempt = 0;
  #cadence = 0; // ms
  #bytes = 0; // received in all answers
  #frames = 0; // that came in them
  #silence = SILENCE;

  constructor(private readonly url: string, private readonly on: Listener) {
    addEventListener("online", () => this.#wake());
  }

  /** Takes a seat at the live end, and keeps one until close. */
  open(): void {
    this.close();
    this.#closing = new AbortController();
    this.#next = -1;
    this.#heard = -Infinity;
    this.#attempt = 0;
    this.#silence = SILENCE;
    void this.#run(this.#closing.signal);
  }

  /** Leaves the seat. */
  close(): void {
    this.#closing.abort();
  }

  /** Bytes that an hour of this sound is, as far as it was heard. */
  get hourly(): number {
    const seconds = this.#frames / FRAMES_PER_SECOND;
    return seconds < 10 ? USUAL_HOUR : (this.#bytes / seconds) * 3600;
  }

  async #run(closed: AbortSignal): Promise<void> {
    for (;;) {
      this.#broken = true;
      const wait = await this.#once(closed).catch((): Wait => ({ why: "lost" }));
      if (closed.aborted || !wait) return;
      const ms = wait.ms ?? backoff(this.#attempt++);
      this.on.waits(wait.why, performance.now() + ms);
      await new Promise<void>((go) => {
        if (!wait.ms) this.#wake = go; // a new network changes nothing for an edge that asked to wait
        closed.addEventListener("abort", () => go());
        setTimeout(go, ms);
      });
      if (closed.aborted) return;
    }
  }

  /** One answer, to its end. Nothing more is to be done when it returns undefined. */
  async #once(closed: AbortSignal): Promise<Wait | undefined> {
    const cut = new AbortController();
    const stop = () => cut.abort();
    closed.addEventListener("abort", stop);
    const watch = new Watch(() => {
      this.#silence = Math.min(2 * this.#silence, LONGEST_SILENCE);
      stop();
    });
    try {
      watch.wait(LONGEST_SILENCE);
      const address = this.#next < 0 ? this.url : `${this.url}${this.url.includes("?") ? "&" : "?"}from=${this.#next}`;
      const answer = await fetch(address, { signal: cut.signal, cache: "no-store", credentials: "omit" });
      if (!answer.ok || !answer.body) return await this.#refusal(answer);
      if (Number(answer.headers.get("Epidaurus-Frame") ?? NaN) < this.#next - ANEW) {
        this.#next = -1;
        this.on.anew();
      }
      await this.#read(answer.body.getReader(), watch);
    } finally {
      watch.stop();
      closed.removeEventListener("abort", stop);
      cut.abort();
    }
    if (!this.#ended) return { why: "lost" };
    this.on.finished();
    return undefined;
  }

  /** Returns when the edge ended the answer; throws when the line was cut. */
  async #read(reader: ReadableStreamDefaultReader<Uint8Array>, watch: Watch): Promise<void> {
    const boxes = new BoxReader();
    for (;;) {
      watch.wait(this.#cadence + this.#silence);
      const { done, value } = await reader.read();
      if (done) return;
      this.#bytes += value.length;
      for (const piece of boxes.push(value)) {
        if (piece.kind === "head") this.on.head(piece.bytes);
        else if (piece.kind === "fragment") this.#fragment(piece);
        else this.#message(piece.at, piece.data);
      }
    }
  }

  #fragment(f: Fragment): void {
    if (this.#broken) {
      this.#broken = false;
      this.#attempt = 0;
      if (this.#heard > 0) this.reconnects++;
      this.on.flows();
    }
    this.#heard = performance.now();
    const end = f.from + f.sizes.length;
    this.#frames += f.sizes.length;
    if (end <= this.#next) return; // an answer that did not resume repeats what is here already
    this.#next = end;
    this.on.fragment(f);
  }

  #message(at: number, data: string): void {
    const event = parseEvent(data);
    if (!event) return;
    if (event.t === "seat") this.#cadence = event.cadence_ms;
    if (event.t === "room") this.#ended = event.state === "ended";
    this.on.event(at, event);
  }

  /** Reads why there is no sound, and tells when it is for good. */
  async #refusal(answer: Response): Promise<Wait | undefined> {
    const problem = (await answer.json().catch(() => ({}))) as { code?: string; retry_after_ms?: number };
    const gone = REFUSALS[problem.code ?? ""];
    if (gone && !(gone === "unknown" && performance.now() < this.#heard + UNKNOWN_GRACE)) {
      this.on.refused(gone);
      return undefined;
    }
    const why = TROUBLES[problem.code ?? ""] ?? "lost";
    const ms = problem.retry_after_ms ?? 1000 * Number(answer.headers.get("Retry-After"));
    // A crowd that was refused at once should not come back at once.
    return ms > 0 ? { why, ms: ms * (1 + Math.random() / 4) } : { why };
  }
}

/** What a line waits for; without `ms` for the next step of its back-off. */
type Wait = { why: Trouble; ms?: number };

const REFUSALS: Record<string, Refusal> = { room_unknown: "unknown", channel_unknown: "unknown", room_ended: "ended", removed: "removed" };
const TROUBLES: Record<string, Trouble> = { full: "full", too_many: "full", room_not_open: "early" };

/** Doubles from FIRST_WAIT on; half of it is left to chance, so that a crowd that was cut at once comes back spread. */
function backoff(attempt: number): number {
  return Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** attempt) * (0.5 + Math.random() / 2);
}

/** Barks when it is not told in time to go on waiting. */
class Watch {
  #timer = 0;
  constructor(private readonly bark: () => void) {}

  wait(ms: number): void {
    this.stop();
    this.#timer = setTimeout(this.bark, ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
