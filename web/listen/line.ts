// The line to an edge: one endless response, and another one from the next frame on, at another edge if there is one, whenever it is lost.

import { BoxReader, FRAMES_PER_SECOND, type Fragment } from "./boxes";
import { parseEvent, type RoomEvent } from "./events";
import { Places } from "./places";
import type { Wait } from "./wait";

/** Why no seat is to be had, for good. */
export type Refusal = "unknown" | "ended" | "removed";
/**
 * Why there is none now. `lost` is a line that broke; the others are what the edge says: `busy` has too many joins at once, `closing` is
 * being emptied, `crowded` has too many connections of this address.
 */
export type Trouble = "lost" | "full" | "early" | "busy" | "closing" | "crowded";

/** Whom a line tells. */
export interface Listener {
  head(bytes: Uint8Array): void;
  fragment(f: Fragment): void;
  event(at: number, e: RoomEvent): void;
  /** The edge counts frames anew: nothing that was heard before fits to what follows. */
  anew(): void;
  /** Sound flows (again). */
  flows(): void;
  /** How far behind the newest frame the ear is kept, in ms: what there is to live on. */
  depth(): number;
  /** The line tries again then. Of a line that goes on elsewhere at once nothing is told. */
  waits(wait: Wait): void;
  /** The room has ended and all of it was sent. */
  finished(): void;
  refused(why: Refusal): void;
}

/** What an hour of opus-48 is in bytes, with its containers. */
export const USUAL_HOUR = 22e6;
/** Frames by which that is judged. */
const HOURLY_FRAMES = 60 * FRAMES_PER_SECOND;
/** First wait after a cut, and the longest one without word from the edge, in ms. */
const FIRST_WAIT = 200, LONGEST_WAIT = 10_000;
/** A listener who was in is told that the room is unknown only after this: an edge that starts again may not know its rooms yet. */
const UNKNOWN_GRACE = 30_000;
/** An answer that begins this far before the next frame wanted (the edge keeps a minute) comes from another clock. */
const ANEW = 70 * FRAMES_PER_SECOND;
/** Who goes on at another edge does so within this, by chance, in ms: those who lost the same edge do not all come at once. */
const HOP = 250;
/**
 * How long beyond the cadence nothing may come before the line counts as dead, in ms: less where there is another edge, and little enough
 * to get there before a margin of 1.5 s is used up. It doubles each time, up to the last: where it was an edge under load or an uneven
 * network, hurrying from edge to edge makes that worse.
 */
const SILENCE = 1500, SILENCE_HOP = 1000, LONGEST_SILENCE = 12_000;
/** After so long without such a silence it is short again, in ms. */
const CALM = 300_000;

export function silence(others: boolean, barks: number): number {
  return Math.min(LONGEST_SILENCE, (others ? SILENCE_HOP : SILENCE) * 2 ** barks);
}

/** The same sound by pieces. */
export type Pull = (signal: AbortSignal) => ReadableStream<Uint8Array>;
/** When the first answer has not brought anything in this time, in ms, something on the way may hold it back until its end, which does not come. */
const HELD = 3000;

export class Line {
  /** How often sound flowed again after the line was lost. */
  reconnects = 0;
  /** No sound has come in this answer yet. */
  broken = true;

  #closing = new AbortController();
  #wake = (): void => {}; // ends a wait
  #next = -1; // the frame after the last one received; -1: any
  #ended = false; // the room's end was announced
  #heard = -Infinity; // when the last sound came, as performance.now()
  #attempt = 0;
  #cadence = 0; // ms
  #bytes = 0; // received in all answers
  #frames = 0; // that came in them
  #barks = 0; // how often nothing came for too long
  #barked = 0; // when that was last, as performance.now()
  #pull: Pull | undefined; // how sound comes here, where endless answers do not
  #held = 0; // timer
  #cut = (): void => {}; // ends an answer

  /** `path` and query of the sound are the same at all places. */
  constructor(readonly places: Places, readonly path: string, private readonly on: Listener, private readonly pull?: () => Promise<Pull>) {
    addEventListener("online", () => this.#wake());
  }

  /** Takes a seat at the live end, after a wait that is not over yet if there is one, and keeps a seat until close. */
  open(wait?: Wait): void {
    this.close();
    this.#closing = new AbortController();
    this.#next = -1;
    this.#heard = -Infinity;
    this.#attempt = wait?.attempt ?? 0;
    this.#barks = 0;
    void this.#run(this.#closing.signal, wait);
  }

  /** Leaves the seat. */
  close(): void {
    clearTimeout(this.#held);
    this.#closing.abort();
  }

  /** Bytes that an hour of this sound is, as far as it was heard. */
  get hourly(): number {
    const seconds = this.#frames / FRAMES_PER_SECOND;
    return seconds < 10 ? USUAL_HOUR : (this.#bytes / seconds) * 3600;
  }

  async #run(closed: AbortSignal, wait?: Wait): Promise<void> {
    if (wait) {
      this.on.waits(wait);
      await this.#rest(wait.at - Date.now(), false, closed);
    }
    if (this.pull && !this.#pull && !closed.aborted) this.#held = setTimeout(() => this.#pieces().catch(() => {}), HELD);
    while (!closed.aborted) {
      this.broken = true;
      const trouble = await this.#once(closed).catch((): Setback => ({ why: "lost" }));
      await this.places.settled;
      if (closed.aborted || !trouble) return;
      // At another edge the same address has as many connections.
      if (trouble.why !== "crowded" && this.places.fail()) {
        await this.#rest(Math.random() * HOP, false, closed);
        continue;
      }
      const ms = trouble.ms ?? backoff(this.#attempt);
      this.on.waits({ why: trouble.why, at: Date.now() + ms, attempt: ++this.#attempt, inside: trouble.inside });
      // A new network changes nothing for an edge that asked to wait.
      await this.#rest(ms, !trouble.ms, closed);
    }
  }

  #rest(ms: number, wakeable: boolean, closed: AbortSignal): Promise<void> {
    return new Promise<void>((go) => {
      if (wakeable) this.#wake = go;
      closed.addEventListener("abort", () => go(), { once: true });
      setTimeout(go, ms);
    });
  }

  /** One answer, to its end. Nothing more is to be done when it returns undefined. */
  async #once(closed: AbortSignal): Promise<Setback | undefined> {
    const cut = new AbortController();
    const stop = (this.#cut = () => cut.abort());
    closed.addEventListener("abort", stop);
    const watch = new Watch(() => {
      this.#barks++;
      this.#barked = performance.now();
      stop();
    });
    try {
      watch.wait(this.places.others ? 2 * silence(true, this.#barks) : LONGEST_SILENCE);
      const reader = this.#pull ? this.#pull(cut.signal).getReader() : await this.#ask(cut.signal);
      if (!(reader instanceof ReadableStreamDefaultReader)) return reader;
      await this.#read(reader, watch);
    } finally {
      watch.stop();
      closed.removeEventListener("abort", stop);
      cut.abort();
    }
    if (!this.#ended) return { why: "lost" };
    this.on.finished();
    return undefined;
  }

  /** The endless answer, or why there is none. */
  async #ask(signal: AbortSignal): Promise<ReadableStreamDefaultReader<Uint8Array> | Setback | undefined> {
    const from = this.#next < 0 ? "" : `&from=${this.#next}&depth=${this.on.depth()}`;
    const answer = await fetch(this.places.at + this.path + from, { signal, cache: "no-store", credentials: "omit" });
    if (!answer.ok || !answer.body) return await this.#refusal(answer);
    if (Number(answer.headers.get("Epidaurus-Frame") ?? NaN) < this.#next - ANEW) {
      this.#next = -1;
      this.on.anew();
    }
    return answer.body.getReader();
  }

  /** Takes the sound by pieces from now on, if that comes before anything else. */
  async #pieces(): Promise<void> {
    const pull = await this.pull!();
    if (!this.broken) return;
    this.#pull = pull;
    this.#cut();
    this.#wake();
  }

  /** Returns when the edge ended the answer; throws when the line was cut. */
  async #read(reader: ReadableStreamDefaultReader<Uint8Array>, watch: Watch): Promise<void> {
    const boxes = new BoxReader();
    for (;;) {
      watch.wait(this.#cadence + silence(this.places.others, this.#barks));
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
    if (this.broken) {
      clearTimeout(this.#held);
      this.broken = false;
      this.#attempt = 0;
      this.places.flows();
      if (this.#heard > 0) this.reconnects++;
      this.on.flows();
    }
    this.#heard = performance.now();
    if (this.#heard > this.#barked + CALM) this.#barks = 0;
    const end = f.from + f.sizes.length;
    this.#frames += f.sizes.length;
    if (this.#frames > 2 * HOURLY_FRAMES) {
      this.#frames /= 2; // what was long ago counts less: the variant may have changed
      this.#bytes /= 2;
    }
    if (end <= this.#next) return; // an answer that did not resume repeats what is here already
    this.#next = end;
    this.on.fragment(f);
  }

  #message(at: number, data: string): void {
    const event = parseEvent(data);
    if (!event) return;
    if (event.t === "edges") this.places.learn(event);
    if (event.t === "seat") this.#cadence = event.cadence_ms;
    if (event.t === "room") this.#ended = event.state === "ended";
    this.on.event(at, event);
  }

  /** Reads why there is no sound, and tells when it is for good. */
  async #refusal(answer: Response): Promise<Setback | undefined> {
    clearTimeout(this.#held);
    const problem = (await answer.json().catch(() => ({}))) as { code?: string; retry_after_ms?: number; inside?: number };
    const gone = REFUSALS[problem.code ?? ""];
    if (gone && !(gone === "unknown" && performance.now() < this.#heard + UNKNOWN_GRACE)) {
      this.on.refused(gone);
      return undefined;
    }
    const why = TROUBLES[problem.code ?? ""] ?? "lost";
    const ms = problem.retry_after_ms ?? 1000 * Number(answer.headers.get("Retry-After"));
    // A crowd that was refused at once should not come back at once.
    return ms > 0 ? { why, ms: ms * (1 + Math.random() / 4), inside: problem.inside } : { why };
  }
}

/** What a line came back with; without `ms` it waits for the next step of its back-off. `inside`: seats of the room. */
type Setback = { why: Trouble; ms?: number; inside?: number | undefined };

const REFUSALS: Record<string, Refusal> = { room_unknown: "unknown", channel_unknown: "unknown", room_ended: "ended", removed: "removed" };
const TROUBLES: Record<string, Trouble> = {
  full: "full", busy: "busy", draining: "closing", shutting_down: "closing", too_many: "crowded", room_not_open: "early",
};

/** Doubles from FIRST_WAIT on; half of it is left to chance, so that a crowd that was cut at once comes back spread. */
function backoff(attempt: number): number {
  return Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** attempt) * (0.5 + Math.random() / 2);
}

/** After a page stood still, what came meanwhile is read within this, in ms. */
const GRACE = 100;

/** Barks when it is not told in time to go on waiting. */
class Watch {
  #timer = 0;
  constructor(private readonly bark: () => void) {}

  wait(ms: number): void {
    this.stop();
    this.#timer = setTimeout(() => (this.#timer = setTimeout(this.bark, GRACE)), ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
