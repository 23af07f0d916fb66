// The tape's index, and where its frames lie on the timeline that is shown: span after span, without what was not taped between them.

import type { Track } from "../captions/said";
import { FRAMES_PER_SECOND } from "../listen/boxes";
import type { RoomEvent } from "../listen/events";

/** What index.json says. See docs/PROTOCOL.md, "The tape". */
export type Index = {
  v: number;
  room: string;
  title: string;
  lang: string;
  state: string;
  closed: boolean;
  epoch?: string;
  first: number;
  last: number;
  segment: number;
  spans: [number, number][];
  lost: number;
  chapters: { id: number; at: number; title: string }[];
  /** Clips may be made of it. */
  clips?: boolean;
  /** A file host has the segments of HLS only, and all events are here. */
  hls?: boolean;
  m4a?: boolean;
  events?: { at: number; e: RoomEvent }[];
  levels?: string;
  captions?: Track[];
};

/** A place on the tape: the shown time begins at 0 s with the first frame. */
export class Timeline {
  constructor(readonly spans: [number, number][]) {}

  get total(): number {
    return this.spans.reduce((n, [from, to]) => n + to - from, 0) / FRAMES_PER_SECOND;
  }

  /** The frame at a time; beyond the end it is the one behind the last. */
  frame(time: number): number {
    let left = Math.max(0, Math.floor(time * FRAMES_PER_SECOND + 1e-6));
    for (const [from, to] of this.spans) {
      if (left < to - from) return from + left;
      left -= to - from;
    }
    return this.spans.at(-1)?.[1] ?? 0;
  }

  /** The time of a frame; that of the next one on the tape where it is not there. */
  time(frame: number): number {
    let before = 0;
    for (const [from, to] of this.spans) {
      if (frame < to) return (before + Math.max(0, frame - from)) / FRAMES_PER_SECOND;
      before += to - from;
    }
    return before / FRAMES_PER_SECOND;
  }

  /** What to add to the media time of a frame to get its time here. */
  offset(frame: number): number {
    const span = this.spans.find(([, to]) => frame < to) ?? this.spans.at(-1)!;
    return this.time(span[0]) - span[0] / FRAMES_PER_SECOND;
  }
}

export type Person = { id: string; name: string };

/** What was so when, from events that may come in any order and twice. */
export class Story {
  #events: { at: number; e: RoomEvent }[] = [];
  #names = new Map<string, string>();

  add(at: number, e: RoomEvent): void {
    let i = this.#events.length;
    while (i > 0 && this.#events[i - 1]!.at > at) i--;
    for (let j = i - 1; j >= 0 && this.#events[j]!.at === at; j--) if (this.#events[j]!.e.t === e.t) return;
    this.#events.splice(i, 0, { at, e });
    if (e.t === "stage") for (const p of e.people) this.#names.set(p.id, p.name);
  }

  name(id: string): string {
    return this.#names.get(id) ?? "";
  }

  /** Names of those who speak at a frame. */
  speaking(frame: number): string[] {
    let ids: string[] = [];
    for (const { at, e } of this.#events) {
      if (at > frame) break;
      if (e.t === "speaking") ids = e.ids;
    }
    return ids.map((id) => this.name(id)).filter(Boolean);
  }

  /**
   * Who spoke from when to when, without words of less than `least` frames; a pause of less than `gap` frames is no new turn. `end` is where the tape
   * ends.
   */
  turns(end: number, least = 100, gap = 150): { id: string; from: number; to: number }[] {
    const open = new Map<string, { id: string; from: number; to: number }>();
    const all: { id: string; from: number; to: number }[] = [];
    const now = new Map<string, number>();
    const stop = (id: string, at: number) => {
      const from = now.get(id)!;
      now.delete(id);
      const last = open.get(id);
      if (last && from - last.to < gap && all.at(-1) === last) last.to = at;
      else {
        const turn = { id, from, to: at };
        open.set(id, turn);
        all.push(turn);
      }
    };
    for (const { at, e } of this.#events) {
      if (e.t !== "speaking") continue;
      for (const id of [...now.keys()]) if (!e.ids.includes(id)) stop(id, at);
      for (const id of e.ids) if (!now.has(id)) now.set(id, at);
    }
    for (const id of [...now.keys()]) stop(id, end);
    return all.filter((t) => t.to - t.from >= least).sort((a, b) => a.from - b.from);
  }
}

/** Loudness from 0 to 1 for so many bars, of the bytes that an index has in base64. */
export function bars(levels: string, count: number): number[] {
  const bytes = Uint8Array.from(atob(levels), (c) => c.charCodeAt(0));
  return Array.from({ length: count }, (_, i) => {
    let most = 0;
    const from = Math.floor((i * bytes.length) / count), to = Math.max(from + 1, Math.floor(((i + 1) * bytes.length) / count));
    for (let j = from; j < to; j++) most = Math.max(most, bytes[j] ?? 0);
    return most / 255;
  });
}

/** 1:02:03 for 3723 seconds. */
export function clock(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  const two = (n: number) => String(n).padStart(2, "0");
  const h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
  return h ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
}
