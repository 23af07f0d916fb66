// The foyer: this house's public rooms, those that can be heard now first. The list is the same for everybody, and any cache may hold it.

import { pickLanguage, texts, type Language } from "./texts";

type Room = {
  id: string;
  path: string;
  title: string;
  lang: string;
  state: "live" | "doors" | "announced" | "replay";
  start_ms?: number;
  description?: string;
  people?: { name: string; about?: string; host?: boolean }[];
  picture: string;
};

/** Between two looks at the list, in ms, by chance up to twice that. */
const LOOK = 30_000;

let language: Language = pickLanguage();
let rooms: Room[] | undefined;
let lost = false;
let shown = "";

const element = (id: string) => document.getElementById(id)!;

function make<K extends keyof HTMLElementTagNameMap>(tag: K, name: string, text: string): HTMLElementTagNameMap[K] {
  const e = document.createElement(tag);
  if (name) e.className = name;
  e.textContent = text;
  return e;
}

async function look(): Promise<void> {
  try {
    const answer = await fetch("/rooms.json", { credentials: "omit" });
    lost = !answer.ok;
    if (answer.ok) rooms = ((await answer.json()) as { rooms: Room[] }).rooms;
  } catch {
    lost = true;
  }
  show();
}

function lookOn(): void {
  setTimeout(() => void (document.hidden ? Promise.resolve() : look()).then(lookOn), LOOK * (1 + Math.random()));
}

function row(room: Room): HTMLLIElement {
  const t = texts[language];
  const item = make("li", "", "");
  const link = make("a", "", "");
  link.href = room.path;
  const picture = make("img", "", "");
  picture.src = room.picture;
  picture.alt = "";
  picture.width = 1200;
  picture.height = 630;
  picture.loading = "lazy";
  const title = make("h3", "", room.title);
  title.lang = room.lang;
  const words = make("div", "words", "");
  words.append(make("span", `chip ${room.state}`, t.state[room.state]), title);
  if (room.start_ms && room.state !== "replay") words.append(make("p", "when", t.when.format(room.start_ms)));
  const names = (room.people ?? []).map((p) => p.name).join(", ");
  if (names) words.append(make("p", "names", names));
  if (room.description) {
    const about = make("p", "about", room.description);
    about.lang = room.lang;
    words.append(about);
  }
  link.append(picture, words);
  item.append(link);
  return item;
}

/** Draws what has changed only: who walks through the list by keyboard stays where they are. */
function show(): void {
  const t = texts[language];
  document.documentElement.lang = language;
  element("language").textContent = t.other;
  const state = JSON.stringify([language, lost, rooms]);
  if (state === shown) return;
  shown = state;
  element("word").textContent = lost && !rooms ? t.lost : rooms ? (rooms.length ? "" : t.nothing) : "";
  const parts: Record<string, Room["state"][]> = { now: ["live", "doors"], soon: ["announced"], again: ["replay"] };
  for (const [id, states] of Object.entries(parts)) {
    const of = (rooms ?? []).filter((r) => states.includes(r.state));
    element(id).hidden = !of.length;
    element(`${id}-title`).textContent = t.part[id]!;
    element(id).querySelector("ul")!.replaceChildren(...of.map(row));
  }
}

element("language").onclick = () => {
  language = language === "en" ? "fr" : "en";
  const here = new URL(location.href);
  here.searchParams.set("lang", language);
  history.replaceState(null, "", here);
  show();
};
show();
void look();
lookOn();
document.addEventListener("visibilitychange", () => void (document.hidden || look()));
