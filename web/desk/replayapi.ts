// Requests about chapters and about what becomes of a replay. See docs/PROTOCOL.md, "The host's side". Without a token the host's cookie counts.

import { call } from "./api";

export const FRAMES_PER_SECOND = 50;

export interface Chapter {
  id: number;
  /** The frame at which it begins. */
  at: number;
  title?: string;
}

/** What the host has made of a replay: frames, 0 where it is the tape's own. */
export interface Replay {
  title: string;
  from: number;
  to: number;
  clips: boolean;
  posted: boolean;
  /** The first frame on tape, and the one behind the last. */
  tape?: [number, number];
  revision: number;
}

interface Who {
  token?: string;
}

const at = (room: string, what: string) => `/api/rooms/${encodeURIComponent(room)}/${what}`;

export const mark = async (room: string, who: Who = {}): Promise<Chapter> => (await call(at(room, "chapters"), { ...who, method: "POST" })).json();
export const chapters = async (room: string, who: Who = {}): Promise<Chapter[]> => (await (await call(at(room, "chapters"), who)).json()).chapters;
export const changeChapter = async (room: string, id: number, change: { title?: string; at?: number }, who: Who = {}): Promise<Chapter> =>
  (await call(at(room, `chapters/${id}`), { ...who, method: "PATCH", json: change })).json();
export const dropChapter = (room: string, id: number, who: Who = {}) => call(at(room, `chapters/${id}`), { ...who, method: "DELETE" });
export const readReplay = async (room: string): Promise<Replay> => (await call(at(room, "replay"))).json();
export const editReplay = async (room: string, change: Partial<Omit<Replay, "tape">>): Promise<Replay> =>
  (await call(at(room, "replay"), { method: "PATCH", json: change })).json();
export const putCaptions = async (room: string, lang: string, file: Blob): Promise<{ lang: string; lines: number }> =>
  (await call(at(room, `captions/${encodeURIComponent(lang)}`), { method: "PUT", vtt: file })).json();
export const dropCaptions = (room: string, lang: string) => call(at(room, `captions/${encodeURIComponent(lang)}`), { method: "DELETE" });
