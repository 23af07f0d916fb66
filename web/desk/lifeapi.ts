// Requests about a room's life: its plan, its steps, its end. See docs/PROTOCOL.md, "A room's life".

import { call } from "./api";
import type { Follow } from "./moveapi";

/** Where a room is in its life, as the server answers. Times in RFC 3339. */
export interface Life {
  state: string;
  title?: string;
  description?: string;
  people?: { name: string; about?: string; host?: boolean }[];
  /** Its host gave it one of its own. */
  picture?: boolean;
  start?: string;
  zone?: string;
  doors?: string;
  by_clock?: boolean;
  ends_at?: string;
  live_at?: string;
  /** How late the first word left the mixer, in ms. */
  first_word_ms?: number;
  closed_at?: number;
  notice?: string;
  hold_replay?: boolean;
  /** The listeners are moved then, and until then it can be taken back. */
  relocate?: { to: string; at: string };
  /** The listeners were moved there. */
  moved_to?: string;
  /** Where the one who asks goes on. */
  follow?: Follow;
  revision: number;
  /** The server's clock, in Unix ms. */
  now_ms: number;
}

const at = (room: string, what: string) => `/api/rooms/${encodeURIComponent(room)}/${what}`;
const life = async (answer: Promise<Response>): Promise<Life> => (await answer).json();

export const readLife = (room: string, token: string) => life(call(at(room, "life"), { token }));
export const step = (room: string, token: string, to: "announced" | "doors" | "live") => life(call(at(room, "step"), { method: "POST", token, json: { to } }));
export const late = (room: string, token: string, late_s: number, revision: number) =>
  life(call(at(room, "plan"), { method: "PATCH", token, json: { late_s, revision } }));
export const closeDoors = (room: string, token: string, closed_at: number, notice: string, hold_replay: boolean) =>
  life(call(at(room, "doors"), { method: "PUT", token, json: { closed_at, notice, hold_replay } }));
export const post = (room: string) => life(call(at(room, "step"), { method: "POST", json: { to: "replay" } }));
export const askEnd = (room: string, token: string, in_ms: number) => life(call(at(room, "end"), { method: "POST", token, json: { in_ms } }));
export const stay = (room: string, token: string) => life(call(at(room, "end"), { method: "DELETE", token }));
