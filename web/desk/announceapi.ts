// Requests about what is announced of a room, and about who may hear it. See docs/PROTOCOL.md, "Who may listen".

import { call } from "./api";
import type { Life } from "./lifeapi";

export type Visibility = "public" | "unlisted" | "invited";

/** Somebody who is announced. */
export interface Billed {
  name: string;
  about?: string;
  host?: boolean;
}

export interface Access {
  visibility: Visibility;
  generation: number;
  revoked: number;
  max_revoked: number;
  revision: number;
  /** What somebody may expect and does not happen. */
  notice?: string;
}

/** An invitation to listen. */
export interface Seat {
  seat: string;
  name?: string;
  seats: number;
  created_at: string;
  expires_at: string;
  revoked?: boolean;
  token?: string;
  url?: string;
  player_url?: string;
}

export type Announcement = { title: string; description: string; people: Billed[]; start?: string; zone?: string; revision: number };

const at = (room: string, what: string) => `/api/rooms/${encodeURIComponent(room)}/${what}`;

export const access = async (room: string, token: string): Promise<Access> => (await call(at(room, "access"), { token })).json();
export const setAccess = async (room: string, token: string, visibility: Visibility, revision: number): Promise<Access> =>
  (await call(at(room, "access"), { method: "PATCH", token, json: { visibility, revision } })).json();
export const seats = async (room: string, token: string): Promise<Seat[]> => (await (await call(at(room, "seats"), { token })).json()).seats;
export const addSeat = async (room: string, token: string, name: string, count: number): Promise<Seat> =>
  (await call(at(room, "seats"), { method: "POST", token, json: { ...(name && { name }), seats: count } })).json();
export const addSeats = async (room: string, token: string, names: string[], count: number): Promise<Blob> =>
  (await call(at(room, "seats.csv"), { method: "POST", token, json: names.length ? { names } : { count }, timeout: 60_000 })).blob();
export const withdrawSeat = (room: string, token: string, seat: string) => call(at(room, `seats/${encodeURIComponent(seat)}`), { method: "DELETE", token });
export const withdrawSeats = (room: string, token: string) => call(at(room, "seats"), { method: "DELETE", token });
export const announce = async (room: string, token: string, a: Announcement): Promise<Life> =>
  (await call(at(room, "plan"), { method: "PATCH", token, json: a })).json();
export const setPicture = async (room: string, token: string, file: File | null): Promise<Life> =>
  (await call(at(room, "picture"), file ? { method: "PUT", token, file, timeout: 60_000 } : { method: "DELETE", token })).json();
/** For one's own ears; empty where the room asks for none. */
export const ownSeat = async (room: string, token: string): Promise<string> => (await (await call(at(room, "seats/mine"), { method: "POST", token })).json()).token;
