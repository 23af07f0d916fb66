// Sound by pieces, for lines on which an endless answer does not come through: a proxy that wants to have all of an answer before it passes any of it on. The
// pieces are those of HLS, and what comes out is what the endless answer would be, later by some seconds.

import { beacons } from "./beacon";
import { boxOf } from "./emsg";
import { follow, parse, type Playlist } from "./playlist";
import { Told, type Along } from "./told";

/** What a player is told of its place: two segments may come late, and it has three. */
const DEPTH_MS = 6000, CADENCE_MS = 3840;
/** Between two looks at the playlist while nothing new is in it, in ms. */
const LOOK = 1000;
/** How long the end waits for the last words, in ms. */
const PATIENCE = 2000;

/** The streams that are read. A page has one of them after the other. */
let read = 0;
let counted = false;

/** Whether pieces do come, before anybody gives up the endless answer for them. */
export async function pieces(base: string, variant: string): Promise<(signal: AbortSignal) => ReadableStream<Uint8Array>> {
  const at = `${base}/hls/floor/${variant}/`;
  await playlist(at, AbortSignal.timeout(10_000));
  if (!counted) beacons(base, () => read > 0);
  counted = true;
  return (signal) => stream(base, at, signal);
}

async function get(url: string, signal: AbortSignal): Promise<Response> {
  const answer = await fetch(url, { signal, credentials: "omit" });
  if (!answer.ok) throw new Error(`${url} answers ${answer.status}`);
  return answer;
}

async function bytes(url: string, signal: AbortSignal): Promise<Uint8Array> {
  return new Uint8Array(await (await get(url, signal)).arrayBuffer());
}

async function playlist(at: string, signal: AbortSignal): Promise<Playlist> {
  return parse(await (await get(`${at}live.m3u8`, signal)).text());
}

function stream(base: string, at: string, signal: AbortSignal): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    start(out) {
      read++;
      // Whoever reads is told of a failure by the stream, and begins again.
      void run(base, at, signal, (b) => out.enqueue(b))
        .finally(() => read--)
        .then(
          () => out.close(),
          (e) => out.error(e),
        );
    },
  });
}

async function run(base: string, at: string, signal: AbortSignal, put: (bytes: Uint8Array) => void): Promise<void> {
  put(boxOf(0, { t: "seat", depth_ms: DEPTH_MS, cadence_ms: CADENCE_MS, variant: "hls" }));
  put(await bytes(`${at}init.mp4`, signal));
  const told = new Told(base);
  let end: object = { id: base.split("/")[2], title: "", lang: "" }; // what is said of the room when it is over
  const tell = (words: Along): void => {
    for (const { at, e } of words.events) {
      if (e.t === "room") end = e;
      if (e.t !== "room" || e.state !== "ended") put(boxOf(at, e)); // who is told of the end waits for no more sound
    }
  };
  let next = -1; // segment
  for (;;) {
    const list = await playlist(at, signal);
    const news = follow(list, next);
    // Sound neither waits for words nor misses those that cannot be had: they are due when the ear gets to them, some seconds later.
    const words = news.length || list.over ? told.ask(signal).then(tell).catch(() => {}) : undefined;
    for (const k of news) {
      put(await bytes(`${at}seg-${k}.m4s`, signal));
      next = k + 1;
    }
    if (list.over) {
      await Promise.race([words, rest(PATIENCE, signal)]);
      put(boxOf(next * FRAMES, { ...end, t: "room", state: "ended" }));
      return;
    }
    await rest(LOOK, signal);
  }
}

/** Frames of a segment. */
const FRAMES = 96;

function rest(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((go, stop) => {
    const timer = setTimeout(go, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      stop(signal.reason);
    }, { once: true });
  });
}
