// What is told of a room along its pieces, for who pulls: who is on stage, who speaks, captions. docs/PROTOCOL.md, "HLS".

import type { RoomEvent } from "../listen/events";

type Tiding = { at: number; e: RoomEvent };

/** `last` is one behind the newest frame, `epoch` when frame 0 began. */
export type Along = { last: number; over: boolean; epoch?: string; events: Tiding[] };

export class Told {
  #known = new Set<string>();
  #last = 0;

  /** `base` is the room's address. */
  constructor(private readonly base: string) {}

  /** Asks, and gives the events that it has not given before. Answers of two edges, and of caches, come in any order: an older one says nothing. */
  async ask(signal?: AbortSignal): Promise<Along> {
    const answer = await fetch(`${this.base}/hls/floor/events.json`, { signal: signal ?? null, credentials: "omit" });
    if (answer.status === 410) return { last: this.#last, over: true, events: [] }; // and nobody remembers what was told
    if (!answer.ok) throw new Error(`${answer.url} answers ${answer.status}`);
    return this.learn((await answer.json()) as Along);
  }

  learn(along: Along): Along {
    if (along.last < this.#last) return { ...along, events: [] };
    const key = ({ at, e }: Tiding) => at + e.t;
    const events = along.events.filter((t) => !this.#known.has(key(t)));
    this.#known = new Set(along.events.map(key));
    this.#last = along.last;
    return { ...along, events };
  }
}
