// What is true of the room, and from which frame on. See docs/PROTOCOL.md, "Events in the sound".

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
  | EdgesEvent;

/** Kinds that a later server may add, or nonsense, give undefined. */
export function parseEvent(data: string): RoomEvent | undefined {
  const known = ["room", "stage", "speaking", "listening", "seat", "edges"];
  try {
    const event = JSON.parse(data) as RoomEvent;
    return known.includes(event.t) ? event : undefined;
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
