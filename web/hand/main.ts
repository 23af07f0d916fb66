// A raised hand: who, about what, and what became of it. It is shown in a frame of the listener's page, which goes on playing.

import { language, t } from "./texts";

type State = "form" | "sending" | "waiting" | "invited" | "accepted" | "let_go" | "missed";
type Standing = { state: State; ahead: number; desk_url?: string };

/** Of so many listeners about PICKED may ask at a time: chance picks them here, before anything is sent. */
const PICKED = 2000;
const REST = 60_000; // ms until chance is asked again

const LOOK = 4000; // ms between two questions how it stands, and half as much by chance
const LOOK_INVITED = 2000;

const address = location.pathname.replace(/\/$/, "");
const store = `epidaurus.hand.${address.split("/")[2]}`;
const seats = Number(location.hash.slice(1)) || 1;

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const name = element<HTMLInputElement>("name");
const line = element<HTMLInputElement>("line");
const go = element<HTMLAnchorElement>("go");

/** What a reload keeps: the secret that makes this hand ours, its words, and until when not to ask again. */
type Kept = { secret: string; name: string; line: string; up: boolean; until: number };
let kept: Kept = read();
let state: State = "form";
let word = "";
let timer = 0;

function read(): Kept {
  try {
    return { ...fresh(), ...(JSON.parse(sessionStorage.getItem(store) ?? "{}") as Partial<Kept>) };
  } catch {
    return fresh();
  }
}

function fresh(): Kept {
  const random = String.fromCharCode(...crypto.getRandomValues(new Uint8Array(24)));
  return { secret: btoa(random).replaceAll("+", "-").replaceAll("/", "_"), name: "", line: "", up: false, until: 0 };
}

function keep(change: Partial<Kept>): void {
  kept = { ...kept, ...change };
  try {
    sessionStorage.setItem(store, JSON.stringify(kept));
  } catch {
    // A page without storage forgets its hand at a reload, and no more.
  }
}

class Refused extends Error {
  constructor(readonly code: string, readonly wait: number) {
    super(code);
  }
}

async function ask(method: string, path: string, body?: object): Promise<Standing | null> {
  const answer = await fetch(address + path, {
    method,
    headers: { Authorization: `Bearer ${kept.secret}`, ...(body && { "Content-Type": "application/json" }) },
    body: body ? JSON.stringify(body) : null,
    signal: AbortSignal.timeout(8000),
  });
  if (answer.status === 204) return null;
  const told = await answer.json();
  if (!answer.ok) throw new Refused(String(told.code), Number(told.retry_after_ms) || 0);
  return told as Standing;
}

function show(next: State, said: string): void {
  state = next;
  word = said;
  render();
}

function render(): void {
  const left = Math.ceil((kept.until - Date.now()) / 1000);
  const form = state === "form" || state === "sending" || state === "let_go" || state === "missed";
  document.body.dataset.state = state;
  put("word", left > 0 && form ? `${word} ${t.wait(left)}` : word);
  element("form").hidden = !form;
  element<HTMLButtonElement>("raise").disabled = state === "sending" || left > 0;
  put("raise", state === "let_go" || state === "missed" ? t.again : t.raise);
  put("hint", state === "invited" ? t.inviteHint : "");
  element("come").hidden = state !== "invited";
  element("lower").hidden = state !== "waiting" && state !== "invited";
  put("lower", state === "invited" ? t.notNow : t.lower);
  go.hidden = state !== "accepted" || !go.href;
  fit();
}

/** The frame is as high as what it shows, and has no looks of its own: the listener's page is too small to say so. */
function fit(): void {
  const frame = frameElement as HTMLElement | null;
  if (!frame) return;
  frame.title = t.raise;
  Object.assign(frame.style, { border: "0", width: "34rem", maxWidth: "100%", height: `${document.body.scrollHeight}px` });
}

/** Writes only what changes: a status that is written again is read again to who cannot see it. */
function put(id: string, text: string): void {
  const e = element(id);
  if (e.textContent !== text) e.textContent = text;
}

async function raise(): Promise<void> {
  const odds = Math.ceil(seats / PICKED);
  if (Math.random() * odds >= 1) {
    keep({ until: Date.now() + REST });
    return show("form", t.chance);
  }
  keep({ name: name.value, line: line.value });
  show("sending", t.sending);
  await say(() => ask("POST", "", { name: kept.name, line: kept.line }));
}

/** Does one thing, shows how the hand stands after it, and goes on looking while it is up. */
async function say(act: () => Promise<Standing | null>): Promise<void> {
  clearTimeout(timer);
  try {
    stand(await act());
  } catch (e) {
    await failed(e);
  }
  render();
  if (!kept.up) return;
  const gap = state === "invited" ? LOOK_INVITED : LOOK;
  timer = window.setTimeout(() => void say(() => ask("GET", "/mine")), gap * (1 + Math.random() / 2));
}

function stand(told: Standing | null): void {
  if (!told) {
    keep({ up: false });
    return show("form", t.lowered);
  }
  const up = told.state === "waiting" || told.state === "invited" || told.state === "accepted";
  // A hand that is down is another one the next time.
  keep(up ? { up } : { up, secret: fresh().secret, until: Date.now() + REST });
  const before = state;
  switch (told.state) {
    case "waiting":
      return show("waiting", t.waiting(told.ahead));
    case "invited":
      show("invited", t.invited);
      if (before !== "invited") element("come").focus();
      return;
    case "accepted":
      return enter(told.desk_url);
    default:
      return show(told.state, told.state === "missed" ? t.missed : t.let_go);
  }
}

/** Goes to the stage in the listener's own window: two pages that play the room would be heard as an echo. */
function enter(desk: string | undefined): void {
  if (!desk) return void say(() => ask("POST", "/mine/accept")); // it was accepted before a reload
  go.href = desk;
  keep({ up: false });
  show("accepted", t.accepted);
  go.focus();
  if (top) top.location.href = desk;
}

async function failed(e: unknown): Promise<void> {
  if (!(e instanceof Refused)) {
    // No network, or no sense: a hand that is up stays up for a while, and is asked about again.
    if (!kept.up) return show("form", t.failed);
    return show(state === "form" ? "waiting" : state, t.offline);
  }
  // A stage that began anew knows no hands: this one is raised again, without a word.
  if (e.code === "hand_unknown" && kept.up && state === "waiting") {
    try {
      return stand(await ask("POST", "", { name: kept.name, line: kept.line }));
    } catch (again) {
      e = again;
    }
  }
  const refused = e instanceof Refused ? e : new Refused("", 0);
  if (kept.up && (refused.code === "busy" || refused.code === "")) return show(state === "form" ? "waiting" : state, t.offline);
  keep({ up: false, until: refused.wait ? Date.now() + refused.wait : 0 });
  show("form", t.refusal[refused.code] ?? t.failed);
}

document.documentElement.lang = language;
document.title = t.raise;
put("heading", t.raise);
put("name-label", t.name);
put("line-label", t.line);
put("come", t.come);
go.textContent = t.go;
name.value = kept.name;
line.value = kept.line;
element("form").onsubmit = (e) => {
  e.preventDefault();
  void raise();
};
element("come").onclick = () => void say(() => ask("POST", "/mine/accept"));
element("lower").onclick = () => void say(() => ask("DELETE", "/mine"));
setInterval(() => kept.until > Date.now() - 2000 && render(), 1000);
addEventListener("resize", fit);
show(kept.up ? "waiting" : "form", kept.up ? t.sending : t.hello);
if (kept.up) void say(() => ask("GET", "/mine"));
else name.focus();
