// Requests about voices: consent, the check, and a room whose host is gone.

import { call } from "./api";
import type { Verdict } from "./voicetext";

const stage = (id: string) => `/r/${encodeURIComponent(id)}/stage`;
const put = (path: string, token: string, json: unknown) => call(path, { method: "PUT", token, json });

/** An answer that is kept with the room. */
export interface Consented {
  person: string;
  name?: string;
  agreed: boolean;
  text: number;
  by?: string;
  at: string;
}

/** What the page measured; what it could not is left out. */
export interface Measured {
  level_db?: number;
  peak_db?: number;
  floor_db?: number;
  echo_db?: number;
  loss?: number;
  jitter_ms?: number;
  rtt_ms?: number;
}

export const answerConsent = (id: string, token: string, text: number, agree: boolean) =>
  put(`${stage(id)}/people/me/consent`, token, { text, agree });
export const consents = async (id: string, token: string): Promise<Consented[]> =>
  (await (await call(`/api/rooms/${encodeURIComponent(id)}/consents`, { token })).json()).consents;
export const judge = async (id: string, token: string, m: Measured): Promise<Verdict> =>
  (await (await put(`${stage(id)}/people/me/check`, token, m)).json()).verdict;
export const takeLead = (id: string, token: string) => put(`${stage(id)}/lead`, token, true);
