// Lines on their way to the room: one after the other, so that a line never overtakes itself.

import { call } from "../desk/api";

/** A line as the server takes it. docs/PROTOCOL.md, "Captions". */
export type Sent = { id: string; text: string; lang: string; final: boolean; at?: number; until?: number };

export class Lines {
  #last: Promise<unknown> = Promise.resolve();
  #newest = 0;

  constructor(private readonly room: string, private readonly token: string) {}

  /** Sends a line behind those before it, and says for how long it is held, in ms. What grows is left out where more of it has come meanwhile. */
  send(line: Sent): Promise<number | undefined> {
    const mine = ++this.#newest;
    const sent = this.#last.then(async () => {
      if (!line.final && mine !== this.#newest) return undefined;
      const answer = await call(`/api/rooms/${encodeURIComponent(this.room)}/captions`, { method: "POST", token: this.token, json: line });
      return Number((await answer.json()).held_ms);
    });
    this.#last = sent.catch(() => {});
    return sent;
  }
}

/** A name that no other line has. */
export function newID(): string {
  return [...crypto.getRandomValues(new Uint8Array(8))].map((b) => b.toString(16).padStart(2, "0")).join("");
}
