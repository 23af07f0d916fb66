// Requests of those who lead a conversation, by stage token.

import { call } from "./api";
import type { Invited } from "./wire";

const stage = (id: string) => `/r/${encodeURIComponent(id)}/stage`;
const person = (id: string, who: string) => `${stage(id)}/people/${encodeURIComponent(who)}`;
const put = (path: string, token: string, json: unknown) => call(path, { method: "PUT", token, json });

export const muteAll = (id: string, token: string) => put(`${stage(id)}/muted`, token, true);
export const sendBack = (id: string, token: string, who: string) => put(`${person(id, who)}/place`, token, false);
export const callUp = (id: string, token: string, who: string) => put(`${person(id, who)}/place`, token, true);
export const block = (id: string, token: string, who: string) => put(`${person(id, who)}/blocked`, token, true);
export const handOver = (id: string, token: string, who: string) => put(`${stage(id)}/host`, token, who);
export const takeHands = (id: string, token: string, take: boolean) => put(`${stage(id)}/hands`, token, take);
export const answerHand = (id: string, token: string, hand: string, answer: "invited" | "let_go") =>
  put(`${stage(id)}/hands/${encodeURIComponent(hand)}`, token, answer);
export const invites = async (id: string, token: string): Promise<Invited[]> =>
  (await (await call(`/api/rooms/${encodeURIComponent(id)}/invites`, { token })).json()).invites;
