// What the page shows: the state of the player and of the room in words, in the language that is chosen.

import type { Person, RoomEvent } from "./events";
import type { Ear, Phase } from "./player";
import { texts, type Language, type Texts } from "./texts";

/** What is true at the listener's ear. */
export type Room = {
  title: string;
  language: string;
  state: "doors" | "live" | "ended" | "";
  people: Person[];
  speaking: string[];
  seats: number;
  tape?: boolean | undefined;
  start?: number | undefined;
};

export function apply(room: Room, e: RoomEvent): void {
  switch (e.t) {
    case "room":
      room.title = e.title;
      room.language = e.lang;
      room.state = e.state;
      room.tape = e.tape;
      room.start = e.start;
      break;
    case "stage":
      room.people = e.people;
      break;
    case "speaking":
      room.speaking = e.ids;
      break;
    case "listening":
      room.seats = e.n;
      break;
  }
}

/** Phases with a time to wait, and those that leave no more than to try again. */
const WAITS = new Set<Phase>(["lost", "full", "early", "busy", "closing", "crowded"]);
const AGAIN = new Set<Phase>(["unknown", "ended", "removed"]);

const PLAY = "M8 5v14l11-7z", PAUSE = "M7 5h3.6v14H7zM13.4 5H17v14h-3.6z";
const WAVES = "M15 9a4.2 4.2 0 0 1 0 6M17.5 6.5a7.8 7.8 0 0 1 0 11", CROSS = "M15.5 9.5l5 5M20.5 9.5l-5 5";

export function element<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

export class View {
  language!: Language;
  #t!: Texts;
  #people = ""; // what the list was made from
  #delay = 0; // as shown, s

  constructor(private readonly ear: Ear, private readonly audio: HTMLAudioElement, private readonly room: Room, private readonly plain: boolean) {}

  speak(language: Language): void {
    this.language = language;
    const t = (this.#t = texts[language]);
    document.documentElement.lang = language;
    element("onstage").textContent = t.stage;
    element("volume").ariaLabel = t.volume;
    element("hand").textContent = t.hand;
    element("elsewhere").textContent = t.elsewhere;
    const other = element("language");
    other.lang = language === "en" ? "fr" : "en";
    other.textContent = texts[other.lang as Language].language;
    const tape = element<HTMLAnchorElement>("tape");
    tape.textContent = t.tape;
    tape.href = `${location.pathname}/tape/?lang=${language}#play`;
    this.#people = "";
    this.render();
  }

  render(): void {
    const { ear, room } = this;
    const t = this.#t;
    const playing = ear.seated && !this.audio.paused;
    document.body.dataset.phase = ear.phase;
    document.body.classList.toggle("on", playing);
    document.body.classList.toggle("speaking", playing && room.speaking.length > 0);

    const title = ear.phase === "unknown" ? t.nowhere : room.title || t.untitled;
    set("title", title);
    element("title").lang = room.language;
    document.title = `${playing ? "▸ " : ""}${title} — Epidaurus`;
    const state = ear.phase === "ended" ? "ended" : room.state;
    element("chip").hidden = !state;
    element("chip").dataset.state = state;
    set("chip", state && t.room[state]);

    set("verb", playing ? (ear.begun ? t.pause : t.cancel) : ear.seated && ear.begun ? t.resume : AGAIN.has(ear.phase) ? t.again : t.listen);
    element("icon").setAttribute("d", playing ? PAUSE : PLAY);
    element("listen").hidden = ear.phase === "ended" || ear.phase === "removed";
    set("status", this.#status(playing));
    this.#trouble();
    this.#stage();
    this.#sound(ear.seated);
    this.#facts();
  }

  /** One sentence on how it stands. */
  #status(playing: boolean): string {
    const { ear, room } = this;
    const t = this.#t;
    if (ear.phase === "lost" && !ear.begun) return t.unreached;
    if (ear.phase === "full") return t.full(ear.inside?.toLocaleString(this.language));
    if (ear.phase !== "listening") return ear.phase === "ready" && this.plain ? t.plain : t[ear.phase];
    if (!playing) return ear.begun ? t.paused : t.armed;
    if (this.audio.readyState < HTMLMediaElement.HAVE_FUTURE_DATA) return t.dry;
    if (this.plain) return t.plain;
    return room.state === "doors" ? t.doors : t.live;
  }

  /** The time to the next attempt, when it is worth reading; and the way back to live. */
  #trouble(): void {
    const { ear, room } = this;
    const full = ear.phase === "full";
    const wait = WAITS.has(ear.phase) ? Math.max(1, Math.ceil((ear.retryAt - Date.now()) / 1000)) : 0;
    // Of a place that is kept one reads on.
    element("retry").hidden = wait < (full ? 1 : 2);
    set("retry", this.#t.retry(wait) + (full ? ` ${this.#t.kept}` : ""));
    const late = ear.behind || (ear.seated && this.audio.paused && ear.delay > 10);
    element("golive").hidden = !late;
    element("tape").hidden = !room.tape && !["full", "ended"].includes(ear.phase);
    if (late) set("golive", this.#t.behind(clock(ear.delay)));
  }

  #stage(): void {
    const { people, speaking } = this.room;
    const t = this.#t;
    element("stage").hidden = this.room.state === "" || this.ear.phase === "ended";
    const made = JSON.stringify(people);
    if (made !== this.#people) {
      this.#people = made;
      element("people").replaceChildren(...people.map((p) => person(p, t)));
      if (!people.length) element("people").append(make("li", "nobody", t.nobody));
    }
    for (const item of element("people").children) {
      const speaks = speaking.includes((item as HTMLElement).dataset.id ?? "");
      item.classList.toggle("speaks", speaks);
      const said = item.querySelector(".said");
      if (said) said.textContent = speaks ? t.speaking : "";
    }
  }

  #sound(seated: boolean): void {
    const { audio } = this;
    element("sound").hidden = !seated;
    const silent = audio.muted || audio.volume === 0;
    element("mute").ariaPressed = String(audio.muted);
    element("mute").ariaLabel = audio.muted ? this.#t.unmute : this.#t.mute;
    element("waves").setAttribute("d", silent ? CROSS : WAVES);
  }

  #facts(): void {
    const { ear, room } = this;
    const t = this.#t;
    const facts = [];
    if (ear.seated && ear.begun && !this.plain) {
      // Shown seconds change only when they are clearly others: nobody wants to see 4 and 5 take turns.
      if (Math.abs(ear.delay - this.#delay) > 0.55) this.#delay = ear.delay < 1 ? 0.9 : Math.round(ear.delay);
      facts.push(this.#delay < 1 ? t.close : this.#delay < 90 ? t.seconds(this.#delay) : t.minutes(Math.round(this.#delay / 60)));
    }
    if (ear.phase === "ready") facts.push(t.free);
    if (ear.seated && room.seats) facts.push(t.seats(room.seats, room.seats.toLocaleString(this.language)));
    if (ear.seated || ear.phase === "ready") facts.push(t.data(Math.round(ear.hourly / 1e6)));
    const list = element("facts");
    while (list.children.length > facts.length) list.lastChild!.remove();
    while (list.children.length < facts.length) list.append(make("li", "", ""));
    facts.forEach((fact, i) => put(list.children[i]!, fact));
  }
}

/** Writes only what changes: a status that is written again is read again to who cannot see it. */
function put(e: Element, text: string): void {
  if (e.textContent !== text) e.textContent = text;
}

function set(id: string, text: string): void {
  put(element(id), text);
}

function make(tag: string, name: string, text: string): HTMLElement {
  const e = document.createElement(tag);
  e.className = name;
  e.textContent = text;
  return e;
}

function person(p: Person, t: Texts): HTMLElement {
  const item = make("li", p.muted ? "muted" : "", "");
  item.dataset.id = p.id;
  const voice = make("span", "voice", "");
  voice.ariaHidden = "true";
  voice.append(make("i", "", ""), make("i", "", ""), make("i", "", ""));
  const who = make("span", "who", "");
  who.append(make("b", "", p.name), make("span", "role", `${t.role[p.role] ?? p.role}${p.muted ? ` · ${t.muted}` : ""}`));
  item.append(voice, who, make("span", "said", ""));
  return item;
}

/** 3:07 for 187 seconds. */
function clock(seconds: number): string {
  const s = Math.round(seconds);
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}
