// Requests about moving the listeners, and about run-throughs. See docs/PROTOCOL.md, "The host's side".

import { call } from "./api";
import type { Life } from "./lifeapi";
import type { Room } from "./wire";

/** Where the one who asks goes on, with a token of his own. */
export interface Follow {
  why: "moved" | "run" | "back";
  room: string;
  token: string;
  desk_url: string;
}

const at = (room: string, what: string) => `/api/rooms/${encodeURIComponent(room)}/${what}`;
const json = async <T>(answer: Promise<Response>): Promise<T> => (await answer).json();

export const moveTo = (room: string, token: string, to: string, in_ms: number, revision: number) =>
  json<Life>(call(at(room, "move"), { method: "PUT", token, json: { to, in_ms, revision } }));
export const remain = (room: string, token: string) => json<Life>(call(at(room, "move"), { method: "DELETE", token }));
export const runs = async (room: string, token: string) => (await json<{ runs: Room[] }>(call(at(room, "runs"), { token }))).runs;
export const startRun = (room: string, token: string) => json<Room & { follow?: Follow }>(call(at(room, "runs"), { method: "POST", token }));
export const deleteRun = (room: string, token: string, run: string) => call(at(room, `runs/${encodeURIComponent(run)}`), { method: "DELETE", token });
export const endNow = (room: string, token: string) => call(at(room, "end"), { method: "POST", token });
