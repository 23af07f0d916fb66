// Requests to the stage's port. Every failure is either a Refusal, which the server explained, or the browser's own network error.

import type { Cart, Dumped, Fill, Invite, Role, Room } from "./wire";

/** An answer that says no, with the server's stable code and its sentence. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
  ) {
    super(detail);
    this.name = "Refusal";
  }
}

interface Call {
  method?: string;
  token?: string;
  json?: unknown;
  sdp?: string;
  file?: Blob;
  /** A file of captions. */
  vtt?: Blob;
  /** Milliseconds after which the request is given up as a network error. */
  timeout?: number;
  signal?: AbortSignal;
  /** Lets the request outlive the page. */
  keepalive?: boolean;
}

const REQUEST_TIMEOUT = 8000;
const UPLOAD_TIMEOUT = 60_000;
const PING_TIMEOUT = 30_000; // long: see reach.ts

/** Sends one request and returns its successful answer. */
export async function call(path: string, c: Call = {}): Promise<Response> {
  const headers: Record<string, string> = {};
  if (c.token) headers.Authorization = `Bearer ${c.token}`;
  if (c.json !== undefined) headers["Content-Type"] = "application/json";
  if (c.sdp !== undefined) headers["Content-Type"] = "application/sdp";
  if (c.file) headers["Content-Type"] = /^(audio|image)\//.test(c.file.type) ? c.file.type : "application/octet-stream";
  if (c.vtt) headers["Content-Type"] = "text/vtt";
  const answer = await fetch(path, {
    method: c.method ?? "GET",
    headers,
    body: c.file ?? c.vtt ?? c.sdp ?? (c.json === undefined ? null : JSON.stringify(c.json)),
    cache: "no-store",
    credentials: "same-origin",
    keepalive: c.keepalive ?? false,
    signal: c.signal ?? AbortSignal.timeout(c.timeout ?? REQUEST_TIMEOUT),
  });
  if (!answer.ok) throw await refusal(answer);
  return answer;
}

async function refusal(answer: Response): Promise<Refusal> {
  let code = "";
  let detail = answer.statusText;
  try {
    const body = await answer.json();
    code = String(body.code ?? "");
    detail = String(body.detail || body.title || detail);
  } catch {
    // Not a problem document (a proxy in between, perhaps): status and its text are all there is.
  }
  return new Refusal(answer.status, code, detail);
}

const room = (id: string) => `/r/${encodeURIComponent(id)}`;
const managed = (id: string) => `/api/rooms/${encodeURIComponent(id)}`;

async function json<T>(path: string, c: Call = {}): Promise<T> {
  return (await call(path, c)).json();
}

// The host's side, by cookie.

export const claim = (secret: string) => call("/api/claim", { method: "POST", json: { secret } });
export const amHost = async () => (await json<{ host: boolean }>("/api/me")).host;
export const feed = async () => (await json<{ feed_url?: string }>("/api/me")).feed_url ?? "";
export const rooms = async () => (await json<{ rooms: Room[] }>("/api/rooms")).rooms;
export const createRoom = (title: string, lang: string, low_delay: boolean, expect: number, tape: boolean, visibility: string, whep: number, plan: Record<string, unknown>) =>
  json<Room>("/api/rooms", { method: "POST", json: { title, lang, low_delay, expect, tape, visibility, whep, ...plan } });
export const deleteTape = (id: string) => call(`${managed(id)}/tape`, { method: "DELETE" });
export const ownToken = async (id: string) => (await json<{ token: string }>(`${managed(id)}/token`, { method: "POST" })).token;

// By stage token.

export const invite = (id: string, token: string, name: string, role: Role, consent: boolean) =>
  json<Invite>(`${managed(id)}/invites`, { method: "POST", token, json: { name, role, ...(consent && { consent }) } });
export const setDelay = (id: string, token: string, delay_ms: number) =>
  call(`${managed(id)}/delay`, { method: "PATCH", token, json: { delay_ms } });
export const dump = (id: string, token: string, fill: Fill) =>
  json<Dumped>(`${managed(id)}/dump`, { method: "POST", token, json: { fill } });
export const carts = async (id: string, token: string) => (await json<{ carts: Cart[] }>(`${managed(id)}/carts`, { token })).carts;
export const playCart = (id: string, token: string, name: string) => call(`${managed(id)}/carts/${name}/play`, { method: "POST", token });
export const stopCart = (id: string, token: string, name: string) => call(`${managed(id)}/carts/${name}/stop`, { method: "POST", token });
export const putCart = (id: string, token: string, name: string, file: Blob) =>
  json<Cart>(`${managed(id)}/carts/${name}`, { method: "PUT", token, file, timeout: UPLOAD_TIMEOUT });
export const dropCart = (id: string, token: string, name: string) => json<Cart>(`${managed(id)}/carts/${name}`, { method: "DELETE", token });
export const setName = (id: string, token: string, name: string) =>
  call(`${room(id)}/stage/people/me/name`, { method: "PUT", token, json: name });
export const setMuted = (id: string, token: string, person: string, muted: boolean) =>
  call(`${room(id)}/stage/people/${encodeURIComponent(person)}/muted`, { method: "PUT", token, json: muted });
export const removePerson = (id: string, token: string, person: string) =>
  call(`${room(id)}/stage/people/${encodeURIComponent(person)}`, { method: "DELETE", token });
export const openEvents = (id: string, token: string, signal: AbortSignal) =>
  call(`${room(id)}/stage/events`, { token, signal });
export const leave = (session: string, token: string) => call(session, { method: "DELETE", token, keepalive: true });

/** Where a voice goes: to everybody, to those backstage, or to nobody. */
export type Where = "desk" | "stage/backstage" | "check";

/** Offers a session; returns the answer and the session's address. */
export async function offerDesk(id: string, token: string, sdp: string, timeout: number, where: Where = "desk"): Promise<{ sdp: string; session: string }> {
  const answer = await call(`${room(id)}/${where}`, { method: "POST", token, sdp, timeout });
  const session = new URL(answer.headers.get("Location") ?? "", answer.url).pathname;
  return { sdp: await answer.text(), session };
}

/** Reports whether the server answers. */
export async function ping(id: string): Promise<boolean> {
  try {
    await call(`${room(id)}/stage/ping`, { timeout: PING_TIMEOUT });
    return true;
  } catch (e) {
    // A refusal is an answer too, but a proxy's 502 to 504 says that the server behind it is not there.
    return e instanceof Refusal && e.status < 500;
  }
}
