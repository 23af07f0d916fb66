// The captioner's page: hears the room, and writes what is said.

import { Box } from "../captions/box";
import { call } from "../desk/api";
import { tokenOf } from "../desk/token";
import { sentence } from "../desk/trouble";
import type { Person, RoomEvent } from "../listen/events";
import { Places } from "../listen/places";
import { Player } from "../listen/player";
import { mediaSource, Sound } from "../listen/sound";
import { WaitStore } from "../listen/wait";
import { Lines, newID } from "./lines";
import { language, t } from "./texts";

declare global {
  /** The frame at the captioner's ear, for tests and for the curious; 0 where there is none. */
  var captioner: Readonly<{ frame: number }>;
}

/** After a pause of so many ms what is there of a line is shown. */
const PAUSE = 1200;
/** Who writes hears the words first: so many frames before the first key. */
const REACTION = 50;

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const room = location.pathname.split("/")[2] ?? "";
const token = tokenOf(room);
const lines = new Lines(room, token);
const line = element<HTMLTextAreaElement>("line");
const tongue = element<HTMLInputElement>("language");
const box = new Box(true);

let player: Player | undefined;
let people: Person[] = [];
let state = "";
let moved = false; // the listeners were sent to another room, which takes captions by its own invitations

/** The line that is being written. */
let id = newID();
let at: number | undefined;
let shown = ""; // of it, at the server
/** The one before, which can be corrected. */
let before: { id: string; text: string; lang: string; at: number | undefined } | undefined;
let correcting = false;
let timer = 0;

function put(name: string, text: string): void {
  const e = element(name);
  if (e.textContent !== text) e.textContent = text;
}

/** The frame at the ear, where there is sound. */
function ear(): number | undefined {
  return player?.begun && !element<HTMLAudioElement>("audio").paused ? player.frame : undefined;
}

function heard(e: RoomEvent): void {
  if (e.t === "caption") box.show(e.lines);
  if (e.t === "stage") people = e.people;
  if (e.t === "room") state = e.state;
  if (e.t === "moved") moved = true;
  if (e.t === "speaking") {
    const names = people.filter((p) => e.ids.includes(p.id)).map((p) => p.name);
    put("speaking", names.length ? t.speaks(names.join(", ")) : "");
  }
  render();
}

function render(): void {
  const phase = player?.phase ?? "ready";
  const on = player?.seated ?? false;
  put("hear", on ? t.mute : t.hear);
  element("hear").ariaPressed = String(on);
  const sound = phase === "listening" ? t.hearing : phase === "joining" ? t.joining : on ? t.waiting : t.deaf;
  put("state", moved ? t.moved : phase === "ended" || state === "ended" ? t.over : state && state !== "live" ? t.before : sound);
  put("line-label", correcting ? t.correcting : t.line);
  element("cancel").hidden = !correcting;
  element<HTMLButtonElement>("correct").disabled = !before || correcting;
  document.body.dataset.phase = phase;
}

async function hear(): Promise<void> {
  if (player?.seated) return player.leave();
  const kind = mediaSource();
  if (!kind) return put("word", t.waiting);
  if (!player) {
    const audio = element<HTMLAudioElement>("audio");
    // Where the room is heard by invitation, the captioner is given one; else the answer is empty.
    const answer = await call(`/api/rooms/${encodeURIComponent(room)}/seats/mine`, { method: "POST", token }).catch(() => undefined);
    const seat = String((await answer?.json())?.token ?? "");
    const places = new Places(location.origin, () => Promise.resolve(false));
    const path = `/r/${room}/live.mp4?pace=1${seat && `&seat=${seat}`}`;
    player = new Player(audio, new Sound(audio, kind), places, path, new WaitStore("captioner"), heard, render);
  }
  player.play();
}

/** Sends what is written: as it is so far, or as a line that is done. */
async function send(final: boolean): Promise<void> {
  clearTimeout(timer);
  const text = line.value.replace(/\s+/g, " ").trim();
  if (!text && !(correcting && final)) return;
  if (!final && text === shown) return;
  shown = text;
  const until = ear();
  const one = { id, text, lang: tongue.value.trim(), final, ...(at !== undefined && { at }), ...(until !== undefined && { until: Math.max(until, at ?? 0) }) };
  if (final) {
    before = text ? { id, text, lang: one.lang, at } : undefined;
    begin();
  }
  try {
    const held = await lines.send(one);
    if (held !== undefined) put("word", held >= 1000 ? t.held(Math.ceil(held / 1000)) : final ? t.sent : "");
  } catch (e) {
    put("word", sentence(e));
    // What was not taken is there again, unless something else is written by now.
    if (final && !line.value.trim()) {
      line.value = text;
      id = one.id;
      at = one.at;
      shown = "";
    }
  }
}

/** Begins a new line. */
function begin(): void {
  clearTimeout(timer);
  correcting = false;
  id = newID();
  at = undefined;
  shown = line.value = "";
  render();
}

function correct(): void {
  if (!before || correcting) return;
  clearTimeout(timer);
  correcting = true;
  ({ id, at } = before);
  shown = line.value = before.text;
  tongue.value = before.lang;
  render();
  line.focus();
}

line.oninput = () => {
  if (at === undefined && !correcting && line.value.trim()) {
    const frame = ear();
    if (frame !== undefined) at = Math.max(0, frame - REACTION);
  }
  clearTimeout(timer);
  // What is being corrected stays as it is until that is done.
  if (!correcting) timer = window.setTimeout(() => void send(false), PAUSE);
};
line.onkeydown = (e) => {
  if (e.isComposing) return;
  if (e.key === "Enter" && !e.shiftKey) {
    e.preventDefault();
    void send(true);
  } else if (e.key === "ArrowUp" && !line.value.trim()) {
    e.preventDefault();
    correct();
  } else if (e.key === "Escape" && correcting) begin();
};
element("form").onsubmit = (e) => {
  e.preventDefault();
  void send(true);
  line.focus();
};
element("correct").onclick = correct;
element("cancel").onclick = () => {
  begin();
  line.focus();
};
element("hear").onclick = () => void hear();

globalThis.captioner = Object.freeze({
  get frame() {
    return ear() ?? 0;
  },
});

async function open(): Promise<void> {
  document.documentElement.lang = language;
  document.title = `${t.heading} — Epidaurus`;
  put("title", t.heading);
  put("shown-title", t.shown);
  put("hint", t.hint);
  put("send", t.send);
  put("correct", t.correct);
  put("cancel", t.cancel);
  put("language-label", t.language);
  element("shown").append(box.root);
  tongue.value = language;
  render();
  if (!token) return put("word", t.noToken);
  try {
    const answer = await call(`/api/rooms/${encodeURIComponent(room)}`, { token });
    const about = (await answer.json()) as { title: string; lang: string; state: string };
    put("title", about.title || t.untitled);
    element("title").lang = about.lang;
    document.title = `${about.title} · ${t.heading} — Epidaurus`;
    tongue.value = about.lang;
    state = about.state;
  } catch (e) {
    put("word", sentence(e));
  }
  render();
  document.body.dataset.ready = "true";
  line.focus();
}

void open();
