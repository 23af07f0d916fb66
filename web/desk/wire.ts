// The wire contract of docs/PROTOCOL.md as types: what the stage's port sends and takes.

export type Role = "host" | "cohost" | "producer" | "speaker" | "captioner";
export type RoomState = "draft" | "announced" | "doors" | "live" | "ended";

/** Somebody on stage. `heard`: sound of theirs reached the mixer within the last second. */
export interface Person {
  id: string;
  name: string;
  role: Role;
  muted: boolean;
  /** Who muted them, if it was somebody else. */
  muted_by?: string;
  heard: boolean;
  away: boolean;
  /** Can be spoken to alone. */
  ear?: boolean;
  /** Sends by a radio encoder: what it says that it plays, and how much of its sound waits. */
  encoder?: { song?: string; buffer_ms: number };
}

/** Somebody who follows the stage and is not on it. */
export interface OffStage {
  id: string;
  name: string;
  role: Role;
  sent_back?: boolean;
  /** Connected backstage. */
  here?: boolean;
  /** The others backstage hear them. */
  open?: boolean;
  away?: boolean;
  ear?: boolean;
}

export type CueName = "wrap_up" | "one_minute" | "louder" | "stand_by" | "next";
export type CueState = "sent" | "undelivered" | "taken" | "lapsed";

/** The cues that have a name, in the order in which they are offered. */
export const CUES: CueName[] = ["wrap_up", "one_minute", "louder", "stand_by", "next"];

/** A cue says one of the known ones, or something in its sender's words. */
export interface CueWords {
  id: string;
  from: string;
  cue?: CueName;
  text?: string;
}

export interface Cues {
  /** For this person, newest first. */
  shown: (CueWords & { left_ms: number })[];
  /** For who leads: what became of the last ones. */
  sent?: (CueWords & { ago_ms: number; to: { id: string; name: string; state: CueState }[] })[];
  /** When it came, in performance.now() time. */
  at: number;
}

export interface ChatLine {
  n: number;
  at: string;
  by: string;
  name: string;
  role: Role;
  text: string;
}

/** A listener who wants to speak. */
export interface Hand {
  id: string;
  name: string;
  line: string;
  state: "waiting" | "invited";
  waited_ms: number;
}

export interface Hands {
  open: boolean;
  hands: Hand[];
  /** When it came, in performance.now() time. */
  at: number;
}

/** How somebody stands to being recorded, where that is asked. */
export type ConsentState = "asked" | "agreed" | "declined";

/** How a room stands without its host. */
export interface Lead {
  state: "kept" | "grace" | "open" | "left";
  left_ms?: number;
}

/** The whole state of a stage, sent whenever it changes. `slots[i]` names whose voice receiving section i carries. */
export interface Stage {
  you: { id: string; name: string; role: Role; sent_back?: boolean; consent?: ConsentState };
  room: { id: string; title: string; lang: string; state: RoomState; low_delay: boolean; listen_url: string; tape?: "planned" | "on" | "failed"; unwritten?: boolean; life?: { rev?: number; plan?: { start?: string }; access?: { visibility?: string }; moved?: { to: string }; run?: string; chapters?: { id: number; at: number; title?: string }[] }; consent_text?: number; lead?: Lead };
  people: Person[];
  backstage: OffStage[];
  slots: (string | null)[];
  listening: number;
  /** Estimated beside them; they are between low and high with 95 %. */
  behind_caches?: { listeners: number; low: number; high: number; one_in: number };
  frame: number;
  /** To those who lead: how the others stand to being recorded, and how they sound. */
  consents?: Record<string, ConsentState>;
  checks?: Record<string, string>;
  /** Who speaks into this person's ear; all: and into those of everybody on stage. */
  ear?: { id: string; name: string; role: Role; all?: boolean };
  /** Whom this person's talkback reaches. */
  talk?: { to: string[] };
}

/** dBFS after levelling by person; -60 and below is silence. */
export type Levels = Record<string, number>;

/** How the way from the stage to the listeners stands. Times in ms. */
export interface Air {
  /** What a dump removes now. */
  delay_ms: number;
  wanted_ms: number;
  /** For so long the stage is still held back after a dump. */
  filling_ms: number;
  /** The cart that plays; empty: none. */
  cart: string;
  cart_left_ms: number;
  dead_air: boolean;
}

export type CartName = "intro" | "jingle" | "apology" | "tone";

export interface Cart {
  name: CartName;
  length_ms: number;
  own: boolean;
}

/** What is heard in the place of what was dumped. */
export type Fill = "hold" | "none" | CartName;

export interface Dumped {
  removed_ms: number;
  filling_ms: number;
  fill: Fill;
}

export interface Room {
  id: string;
  title: string;
  lang: string;
  state: RoomState;
  low_delay: boolean;
  tape: "on" | "off" | "deleted";
  created_at: string;
  ended_at?: string;
  held?: boolean;
  listen_url: string;
  desk_url: string;
}

/** Somebody who was invited before. */
export interface Invited {
  person: string;
  role: Role;
  name: string;
  created_at: string;
}

export interface Invite {
  person: string;
  role: Role;
  name: string;
  token: string;
  desk_url: string;
  whip_url: string;
}

/** How many other voices a desk can receive: its offer has one receiving section for each. */
export const RECEIVING = 12;

/** How many other voices are received backstage: a full stage, and the others there. */
export const RECEIVING_BACKSTAGE = 24;

/** How many lines of the chat are kept. */
export const CHAT_KEPT = 200;

/** How many people one stage carries. */
export const SEATS_ON_STAGE = RECEIVING + 1;

/** Above this level, in dBFS, a person counts as speaking. */
export const SPEAKING_DB = -45;

/** At and below this level, in dBFS, a meter is empty. */
export const SILENCE_DB = -60;

/** Delay, dump and carts. A producer's desk may pull these levers too. */
export function mayDirect(role: string): boolean {
  return role === "host" || role === "cohost" || role === "producer";
}

export function mayModerate(role: Role): boolean {
  return mayDirect(role);
}

/** Whether somebody who leads may take a person of this role off the stage. */
export function mayExpel(by: Role, target: Role): boolean {
  return target !== "host" && (target === "speaker" || target === "captioner" || by === "host");
}
