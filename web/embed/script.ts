// A small player for pages of others: title, play, live or replay, a link to the room. It keeps nothing and asks for nothing but its own server.

import { Plain } from "../listen/plain";
import style from "./style.css";
import { texts, type Language } from "./texts";

type Announced = { title: string; lang: string; state: "announced" | "doors" | "live" | "ended"; start_ms?: number };

/** Between two looks at what has become of the room, in ms, by chance up to twice that. */
const LOOK = 30_000;
const PLAY = "M8 5v14l11-7z", PAUSE = "M7 5h3.6v14H7zM13.4 5H17v14h-3.6z";

const base = location.pathname.replace(/\/embed\/?$/, "");
const audio = element<HTMLAudioElement>("audio");
const seek = element<HTMLInputElement>("seek");
const language = pick();
const t = texts[language];
let room: Announced | undefined;
let lost = false; // the server was asked in vain
let none = false; // there is no tape to play
let dragging = false;
let told = "";

function element<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

function pick(): Language {
  const wanted = [new URLSearchParams(location.search).get("lang") ?? "", ...navigator.languages];
  return wanted.map((tag) => tag.slice(0, 2).toLowerCase() as Language).find((l) => l in texts) ?? "en";
}

const live = new Plain(audio, base, render);

/** The sound of a room that is over is a file, or a playlist, with an end. */
const over = () => room?.state === "ended";
const playing = () => (over() ? !audio.paused && !!audio.currentSrc : live.seated);

function press(): void {
  if (!over()) return live.seated ? live.leave() : live.play();
  if (!audio.paused) return audio.pause();
  if (!audio.currentSrc) {
    const hls = audio.canPlayType("audio/mp4;codecs=opus") && audio.canPlayType("application/vnd.apple.mpegurl");
    audio.src = base + (hls ? "/hls/dvr.m3u8" : audio.canPlayType("audio/ogg;codecs=opus") ? "/tape/floor/opus-48.ogg" : "/tape/floor/opus-48.mp4");
  }
  audio.play().catch(render);
}

async function look(): Promise<void> {
  try {
    const answer = await fetch(`${base}/event.json`, { cache: "no-store", credentials: "omit" });
    lost = !answer.ok;
    if (answer.ok) {
      const was = room?.state;
      room = (await answer.json()) as Announced;
      if (over() && was !== "ended") await replay(was !== undefined);
    }
  } catch {
    lost = true;
  }
  render();
}

/** What was live goes on to its own end; then there is the tape, or nothing. */
async function replay(heard: boolean): Promise<void> {
  if (heard && live.seated) live.leave();
  const answer = await fetch(`${base}/tape/index.json`, { credentials: "omit" });
  none = !answer.ok;
}

function lookOn(): void {
  setTimeout(() => void (document.hidden ? Promise.resolve() : look()).then(lookOn), LOOK * (1 + Math.random()));
}

function status(): string {
  if (!room) return lost ? t.lost : "";
  if (room.state === "announced") return room.start_ms ? t.when.format(room.start_ms) : t.soon;
  if (over()) return none ? t.ended : Number.isFinite(audio.duration) ? `${clock(audio.currentTime)} / ${clock(audio.duration)}` : t.replay;
  if (live.phase === "lost") return t.again;
  if (live.phase === "joining") return t.joining;
  return room.state === "doors" ? t.doors : live.seated ? t.hears : t.live;
}

/** Writes only what changes: a status that is written again is read again to who cannot see it. */
function put(id: string, text: string): void {
  const e = element(id);
  if (e.textContent !== text) e.textContent = text;
}

function render(): void {
  const on = playing();
  if (room) {
    put("title", room.title);
    element("title").lang = room.lang;
  }
  put("status", status());
  const chip = room?.state === "live" ? t.chip : over() && !none ? t.replay : "";
  put("chip", chip);
  element("chip").hidden = !chip;
  document.body.dataset.state = room?.state ?? "";
  const play = element("play");
  play.ariaLabel = on ? t.pause : t.play;
  play.toggleAttribute("disabled", !room || room.state === "announced" || none);
  element("icon").setAttribute("d", on ? PAUSE : PLAY);
  seek.hidden = !over() || !Number.isFinite(audio.duration);
  if (!seek.hidden && !dragging) {
    seek.max = String(Math.floor(audio.duration));
    seek.value = String(audio.currentTime);
    seek.setAttribute("aria-valuetext", clock(audio.currentTime));
  }
  tell(on);
}

/** The page around may want to know: docs/PROTOCOL.md, "Embedding". */
function tell(on: boolean): void {
  const state = over() ? (on && audio.currentTime > 0 ? "playing" : "paused") : live.phase === "listening" ? "playing" : live.seated ? "joining" : "paused";
  const now = JSON.stringify([state, room?.state ?? "", room?.title ?? ""]);
  if (now === told || parent === window) return;
  told = now;
  parent.postMessage({ epidaurus: { state, room: room?.state ?? "", title: room?.title ?? "" } }, "*");
}

/** 3:07 for 187 seconds, 1:02:03 for an hour and two minutes. */
function clock(seconds: number): string {
  const s = Math.floor(seconds), two = (n: number) => String(n).padStart(2, "0");
  return (s < 3600 ? `${Math.floor(s / 60)}` : `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}`) + `:${two(s % 60)}`;
}

function begin(): void {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(style);
  document.adoptedStyleSheets = [sheet];
  document.documentElement.lang = language;
  put("room", t.room);
  seek.ariaLabel = t.seek;
  element("play").onclick = press;
  seek.oninput = () => (dragging = true);
  seek.onchange = () => {
    dragging = false;
    audio.currentTime = Number(seek.value);
  };
  for (const e of ["play", "pause", "playing", "ended", "durationchange", "timeupdate"]) audio.addEventListener(e, render);
  document.addEventListener("visibilitychange", () => void (document.hidden || look()));
  void look();
  lookOn();
}

begin();
