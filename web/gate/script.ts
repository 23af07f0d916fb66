// The gate of a room by invitation. It comes in the head of the page, before the page's own script: the invitation stands behind the # of the
// address, which no server is told, and the page finds its sound where its own address is, so for as long as that script looks at the address it
// has the invitation in its path. Who has none, or one that is not good any more, reads why and is asked for one.

import style from "./style.css";
import { texts, type Language } from "./texts";

type Seat = { gated: boolean; name?: string; seats?: number; taken?: number };
type Told = { title: string; lang: string; state: string; description?: string; people?: { name: string; about?: string }[] };

/** Between two looks at an invitation while the sound is lost, in ms, by chance up to twice that. */
const LOOK = 4000;

const TOKEN = /s1\.[\w-]+\.[\w-]+/;
const [, room = "", held = "", rest = ""] = /^\/r\/([^/]+)(?:\/seat\/([^/]+))?(.*)$/.exec(location.pathname) ?? [];
const base = `/r/${room}`;
const hash = new URLSearchParams(location.hash.slice(1));
const token = hash.get("seat") || held || kept();
hash.delete("seat");
const more = hash.toString().replace(/=(?=&|$)/g, ""); // such as play

let why = token ? "" : "invitation_needed"; // the code of a refusal
let seat: Seat | undefined;
let told: Told | undefined;
let bad = false; // what was typed is no invitation

const box = document.createElement("section");
const [head, name, people, about, word, hint] = ["h2", "p", "p", "p", "p", "p"].map((tag) => document.createElement(tag)) as HTMLElement[];
const form = document.createElement("form");
const label = document.createElement("label");
const said = document.createElement("span");
const input = document.createElement("input");
const enter = document.createElement("button");

const at = (path: string, hash: string) => history.replaceState(history.state, "", path + location.search + hash);
if (token) at(`${base}/seat/${encodeURIComponent(token)}${rest}`, more && `#${more}`);

/** The invitation of this tab: the way from the page to that of its tape, and back, is a link without one. */
function kept(): string {
  try {
    return sessionStorage.getItem(`epidaurus.seat.${room}`) ?? "";
  } catch {
    return "";
  }
}

function keep(good: boolean): void {
  try {
    if (good) sessionStorage.setItem(`epidaurus.seat.${room}`, token);
    else sessionStorage.removeItem(`epidaurus.seat.${room}`);
  } catch {}
}

async function look(): Promise<void> {
  const answer = await fetch(`${base}/seat.json`, { cache: "no-store", credentials: "omit", headers: { Authorization: `Bearer ${token}` } });
  if (answer.ok) {
    seat = (await answer.json()) as Seat;
    why = "";
  } else if (answer.status === 401 || answer.status === 403) {
    why = String(((await answer.json().catch(() => ({}))) as { code?: string }).code ?? "token_malformed");
  }
  if (answer.ok || why) keep(answer.ok);
  show();
}

/** The page says that its sound is lost, or never found it. */
const lost = () => (globalThis as unknown as { epidaurus?: { state: string } }).epidaurus?.state === "lost";

function lookOn(): void {
  setTimeout(() => {
    void (lost() ? look().catch(() => {}) : Promise.resolve()).then(() => {
      show();
      lookOn();
    });
  }, LOOK * (1 + Math.random()));
}

function put(e: HTMLElement, text: string): void {
  if (e.textContent !== text) e.textContent = text;
  e.hidden = !text;
}

function show(): void {
  const t = texts[document.documentElement.lang as Language] ?? texts.en;
  const full = !why && lost() && (seat?.taken ?? 0) >= (seat?.seats ?? Infinity);
  document.body.classList.toggle("gated", why !== "");
  box.hidden = !why && !full && !seat?.name;
  form.hidden = why === "";
  put(head!, why ? t.head : "");
  put(name!, why ? (told?.title ?? "") : "");
  name!.lang = people!.lang = about!.lang = told?.lang ?? "";
  put(people!, why ? (told?.people ?? []).map((p) => (p.about ? `${p.name}, ${p.about}` : p.name)).join("\n") : "");
  put(about!, why ? (told?.description ?? "") : "");
  put(word!, why ? (t.why[why] ?? t.why.token_malformed!) : full ? t.full(seat!.seats!) : seat?.name ? t.yours(seat.name) : "");
  put(hint!, bad ? t.bad : "");
  put(said, t.paste);
  put(enter, t.enter);
}

function begin(): void {
  if (token) at(`${base}${rest}`, `#seat=${token}`);
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(style);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  box.id = "gate";
  name!.className = "name";
  people!.className = about!.className = "about";
  word!.setAttribute("role", "status");
  hint!.setAttribute("role", "alert");
  input.required = true;
  input.autocomplete = "off";
  input.spellcheck = false;
  enter.type = "submit";
  label.append(said, input);
  form.append(label, enter, hint!);
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    const found = TOKEN.exec(input.value);
    bad = !found;
    if (found) location.hash = `seat=${found[0]}`; // which loads the page again
    show();
  });
  box.append(head!, name!, people!, about!, word!, form);
  (document.querySelector("main h1") ?? document.querySelector("main"))!.after(box);
  new MutationObserver(show).observe(document.documentElement, { attributeFilter: ["lang"] });
  // Another invitation in the same tab changes nothing but what is behind the #.
  addEventListener("hashchange", () => location.reload());
  show();
  if (token) void look().catch(() => {});
  void fetch(`${base}/event.json`, { cache: "no-store", credentials: "omit" })
    .then(async (answer) => {
      if (answer.ok) told = (await answer.json()) as Told;
      show();
    })
    .catch(() => {});
  lookOn();
}

document.addEventListener("DOMContentLoaded", begin);
