// Requests of what happens backstage, by stage token.

import { call } from "./api";
import type { CueName } from "./wire";

const stage = (id: string) => `/r/${encodeURIComponent(id)}/stage`;

/** Everybody on stage, where a person could be named. */
export const EVERYBODY = "";

/** Says that somebody is spoken to alone, or that this ends. It has to be said again at least every three seconds. */
export const talkTo = (id: string, token: string, who: string, held: boolean) =>
  call(`${stage(id)}${who === EVERYBODY ? "" : `/people/${encodeURIComponent(who)}`}/ear`, { method: "PUT", token, json: held });
export const sendCue = (id: string, token: string, to: string, words: { cue: CueName } | { text: string }) =>
  call(`${stage(id)}/cues`, { method: "POST", token, json: to === EVERYBODY ? words : { to, ...words } });
export const takeCue = (id: string, token: string, cue: string) =>
  call(`${stage(id)}/cues/${encodeURIComponent(cue)}`, { method: "PUT", token, json: true });
export const say = (id: string, token: string, text: string) => call(`${stage(id)}/chat`, { method: "POST", token, json: text });
