// The one huge word, and why. It may only say ON AIR when everything that makes it true is known to be true.

import type { RoomState } from "./wire";

export type Word = "on-air" | "green-room" | "backstage" | "team" | "talkback" | "nobody" | "mic-off";

export type Reason =
  | "live"
  | "doors"
  | "curtain"
  | "not-on-stage"
  | "backstage"
  | "team"
  | "talkback"
  | "producer"
  | "sent-back"
  | "listens-only"
  | "joining"
  | "reconnecting"
  | "muted"
  | "muted-by-other"
  | "mic-lost"
  | "mic-silenced"
  | "not-heard"
  | "left"
  | "removed"
  | "ended"
  | "refused";

/** All that the word depends on. */
export interface Truth {
  end: "removed" | "ended" | "refused" | null;
  left: boolean;
  voice: "off" | "joining" | "on" | "lost";
  fresh: boolean;
  muted: boolean;
  mutedByOther: boolean;
  micLive: boolean;
  micSilenced: boolean;
  heard: boolean;
  room: RoomState | null;
  /** A start was announced: until the room is live nothing of the stage goes out. */
  planned: boolean;
  /** Runs the desk, and has no voice on stage. */
  producer?: boolean;
  sentBack?: boolean;
  /** The room is recorded, and they do not agree to that. */
  listensOnly?: boolean;
  /** Where the voice goes of somebody who is not on stage: to those backstage, or into single ears. */
  aside?: "backstage" | "talkback" | "lost" | null;
}

export interface Air {
  word: Word;
  reason: Reason;
}

export function air(t: Truth): Air {
  if (t.end) return { word: "mic-off", reason: t.end };
  if (t.voice === "off" && t.aside) {
    if (!t.fresh || t.aside === "lost") return nobody("reconnecting");
    const word = t.aside === "backstage" && t.planned && t.room !== "live" ? "team" : t.aside; // the stage hears too then
    return { word, reason: word };
  }
  if (t.producer) return { word: "mic-off", reason: "producer" };
  if (t.voice === "off" && t.sentBack) return nobody("sent-back");
  if (t.voice === "off" && t.listensOnly) return nobody("listens-only");
  if (t.voice === "off") return t.left ? { word: "mic-off", reason: "left" } : nobody("not-on-stage");
  if (t.voice === "joining") return nobody("joining");
  if (t.voice === "lost" || !t.fresh) return nobody("reconnecting");
  if (t.room === "ended") return nobody("ended");
  if (t.muted) return nobody(t.mutedByOther ? "muted-by-other" : "muted");
  if (t.micSilenced) return nobody("mic-silenced");
  if (!t.micLive) return nobody("mic-lost");
  if (!t.heard) return nobody("not-heard");
  if (t.planned && t.room !== "live") return { word: "green-room", reason: "curtain" };
  return { word: "on-air", reason: t.room === "live" ? "live" : "doors" };
}

const nobody = (reason: Reason): Air => ({ word: "nobody", reason });
