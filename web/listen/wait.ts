// Who was refused a seat and loads the page again goes on waiting for the same time: impatience gains nothing, and costs nothing.

import type { Trouble } from "./line";

/** A wait as it outlives the page. `at`: when it ends, in ms of Date.now(). */
export type Wait = { why: Trouble; at: number; attempt: number; inside?: number | undefined };

/** A page that was away for longer than this after the end of its wait is a new visit, in ms. */
const FORGET = 60_000;

/** The wait of one tab for one room. A browser that keeps nothing forgets it with the page. */
export class WaitStore {
  constructor(private readonly room: string) {}

  keep(wait: Wait): void {
    try {
      sessionStorage.setItem(this.room, JSON.stringify(wait));
    } catch {}
  }

  read(): Wait | undefined {
    try {
      const wait = JSON.parse(sessionStorage.getItem(this.room)!) as Wait | null;
      return wait && wait.at > Date.now() - FORGET ? wait : undefined;
    } catch {
      return undefined;
    }
  }

  forget(): void {
    try {
      sessionStorage.removeItem(this.room);
    } catch {}
  }
}
