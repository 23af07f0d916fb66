// What is true of the room, and from which frame on. See docs/PROTOCOL.md, "Events in the sound".

import type { Line } from "../captions/box";
import type { EdgesEvent } from "./places";

export type RoomState = "doors" | "live" | "ended";
export type Role = "host" | "cohost" | "speaker";
export type Person = { id: string; name: string; role: Role; muted: boolean };

export type RoomEvent =
  | { t: "room"; id: string; title: string; lang: string; state: RoomState; tape?: boolean; start?: number }
  | { t: "stage"; people: Person[] }
  | { t: "speaking"; ids: string[] }
  | { t: "listening"; n: number }
  | { t: "seat"; depth_ms: number; cadence_ms: number; variant?: string; grow_ms?: number }
  | { t: "caption"; at: number; lines: Line[] }
  | MovedEvent
  | EdgesEvent;

/** The room goes on elsewhere. `signed` is what counts, see moved/; the rest is to read by eye, and for when to look. */
export type MovedEvent = { t: "moved"; to: string; signed: string; sig: string; key: string; spread_ms: number };

/** Nonsense gives undefined. Of kinds that a later server may add nobody takes note. */
export function parseEvent(data: string): RoomEvent | undefined {
  try {
    const event = JSON.parse(data) as RoomEvent;
    return event.t ? event : undefined;
  } catch {
    return undefined;
  }
}

/** Holds events until the ear gets to their frame. */
export class Timeline {
  #waiting: { at: number; event: RoomEvent }[] = [];

  /** Events come in the order of their frames, but for those that a resumed answer repeats. */
  add(at: number, event: RoomEvent): void {
    let i = this.#waiting.length;
    while (i > 0 && this.#waiting[i - 1]!.at > at) i--;
    this.#waiting.splice(i, 0, { at, event });
  }

  /** Takes out what has become true at this frame, in order. */
  due(frame: number): RoomEvent[] {
    const waits = this.#waiting.findIndex((w) => w.at > frame);
    return this.#waiting.splice(0, waits < 0 ? this.#waiting.length : waits).map((w) => w.event);
  }

  clear(): void {
    this.#waiting = [];
  }
}
