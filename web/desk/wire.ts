// The wire contract of docs/PROTOCOL.md as types: what the stage's port sends and takes.

export type Role = "host" | "cohost" | "producer" | "speaker";
export type RoomState = "draft" | "announced" | "doors" | "live" | "ended";

/** Somebody on stage. `heard`: sound of theirs reached the mixer within the last second. */
export interface Person {
  id: string;
  name: string;
  role: Role;
  muted: boolean;
  heard: boolean;
  away: boolean;
}

/** Somebody who follows the stage and is not on it. */
export interface OffStage {
  id: string;
  name: string;
  role: Role;
  sent_back?: boolean;
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

/** The whole state of a stage, sent whenever it changes. `slots[i]` names whose voice receiving section i carries. */
export interface Stage {
  you: { id: string; name: string; role: Role; sent_back?: boolean };
  room: { id: string; title: string; lang: string; state: RoomState; low_delay: boolean; listen_url: string; tape?: "planned" | "on" | "failed"; life?: { rev?: number; plan?: { start?: string }; chapters?: { id: number; at: number; title?: string }[] } };
  people: Person[];
  backstage: OffStage[];
  slots: (string | null)[];
  listening: number;
  frame: number;
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
  return target !== "host" && (target === "speaker" || by === "host");
}
