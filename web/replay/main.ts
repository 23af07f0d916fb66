// Rewind while a room is live, and its replay afterwards: the same tape, pulled in immutable pieces. No seat is taken here.

import { beacons } from "../pull/beacon";
import { ClipMaker } from "./clip";
import { bars, clock, Story, Timeline, type Index } from "./index";
import { Reader } from "./reader";
import { Transcript } from "./transcript";
import { pickLanguage, texts, type Language } from "./texts";

declare global {
  /** What happens at the ear, to be read by tests and by the curious. */
  var epidaurusTape: Readonly<{ state: string; frame: number; time: number; total: number; closed: boolean }>;
}

const STEP = 30; // s
const LOOK = 2000; // ms between two looks at an index that grows
const NEAR = 5; // s before the end of a tape that grows, from where on one is at its edge
const FEW_TURNS = 400;
const PLAY = "M8 5v14l11-7z", PAUSE = "M7 5h3.6v14H7zM13.4 5H17v14h-3.6z";

/** The room's address; where it is published there may be more before it. A room by invitation has the invitation in the path: see web/gate. */
const base = /^.*?\/r\/[^/]+(\/seat\/[^/]+)?/.exec(location.pathname)?.[0] ?? "";
const audio = element<HTMLAudioElement>("audio");
const seek = element<HTMLInputElement>("seek");
const wave = element<HTMLCanvasElement>("wave");
const still = matchMedia("(prefers-color-scheme: dark)");
const story = new Story();
/** An exported page has its index inside, and its sound beside: nothing else is asked for. */
const inside = document.getElementById("index");

let language: Language = pickLanguage();
let index: Index | undefined;
let timeline = new Timeline([]);
let reader: Reader | undefined;
let state: "loading" | "none" | "deleted" | "lost" | "ready" = "loading";
let refused = false; // the browser wants a tap
let told = ""; // what the list of turns was made from
let marked = ""; // what the list of chapters was made from
const transcript = new Transcript(entry);
let maker: ClipMaker | undefined;
let drawn = ""; // what the wave was drawn from
let dragging = false;

function element<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

/** Writes only what changes: a status that is written again is read again to who cannot see it. */
function set(id: string, text: string): void {
  const e = element(id);
  if (e.textContent !== text) e.textContent = text;
}

async function look(): Promise<void> {
  try {
    const answer = await fetch(`${base}/tape/index.json`, { credentials: "omit" });
    if (answer.status === 404) state = index ? "deleted" : "none";
    else if (answer.ok) learn((await answer.json()) as Index);
    else state = "lost";
  } catch {
    state = "lost";
  }
  if (!index?.closed && state !== "deleted") setTimeout(() => void look(), LOOK);
  render();
}

function learn(next: Index): void {
  const first = !index;
  index = next;
  timeline = new Timeline(next.spans);
  state = "ready";
  for (const { at, e } of next.events ?? []) story.add(at, e);
  if (next.captions) transcript.learn(next.captions);
  if (first) begin();
  else reader?.grown(next, timeline);
}

/** Where to begin stands behind #: `t=<s>`, or `back` for the last half minute; `play` asks for sound at once. */
function begin(): void {
  const wish = new URLSearchParams(location.hash.slice(1));
  const at = wish.has("back") ? timeline.total - STEP : Number(wish.get("t") ?? 0);
  if (inside) audio.src = "sound.ogg";
  else if (Reader.possible) {
    reader = new Reader(audio, `${base}/${index!.hls ? "hls" : "tape"}/floor/opus-48`, index!, timeline, (frame, e) => {
      story.add(frame, e);
      // Of a tape that is whole the index has them as they are last.
      if (e.t === "caption" && !index?.closed && !index?.hls) transcript.add(e.lines);
      render();
    });
  } else audio.src = `${base}/${index!.hls ? "hls/dvr.m3u8" : "tape/floor/opus-48.mp4"}`;
  if (at > 0) go(at);
  if (wish.has("play")) play();
  if (index!.clips && !index!.hls) {
    maker = new ClipMaker(`${base}/clip/`, () => ({ timeline, time: audio.currentTime, closed: index!.closed }), render);
    maker.say(texts[language]);
    if (wish.has("clip")) maker.open();
  }
}

function go(time: number): void {
  audio.currentTime = Math.min(Math.max(0, time), Math.max(0, timeline.total - 0.1));
  render();
}

function play(): void {
  refused = false;
  if (audio.ended) go(0);
  audio.play().catch(() => {
    refused = audio.paused;
    render();
  });
}

function toggle(): void {
  if (audio.paused) play();
  else audio.pause();
}

function render(): void {
  const t = texts[language];
  const total = timeline.total, now = dragging ? Number(seek.value) : audio.currentTime;
  const title = index?.title || t.untitled;
  set("title", title);
  element("title").lang = index?.lang ?? "";
  document.title = `${audio.paused ? "" : "▸ "}${title} — Epidaurus`;
  const live = index !== undefined && !index.closed;
  element("chip").hidden = !index;
  element("chip").dataset.state = live ? "live" : "over";
  set("chip", live ? t.live : t.over);
  const date = index?.epoch && new Date(index.epoch).toLocaleDateString(language, { dateStyle: "long" });
  set("when", date ? t.of(date) : "");
  set("verb", audio.paused ? t.play : t.pause);
  element("icon").setAttribute("d", audio.paused ? PLAY : PAUSE);
  set("status", status(now, total));
  set("speaking", index ? words(now) : "");
  for (const id of ["deck", "time", "clock", "tools", "files"]) element(id).hidden = !index || state === "deleted";
  seek.max = String(Math.max(1, Math.floor(total)));
  if (!dragging) seek.value = String(Math.floor(now));
  seek.ariaValueText = t.at(clock(now), clock(total));
  set("now", clock(now));
  set("total", clock(total));
  if (index?.hls) element("ogg").hidden = element("mp4").hidden = true;
  if (index?.hls && !index.m4a) element("files").hidden = true;
  element("m4arow").hidden = !index?.m4a;
  element("live").hidden = !live || !!index?.hls;
  element("clipmake").hidden = !maker || state === "deleted";
  if (state === "deleted" && maker?.chosen) maker.close();
  chapters(now);
  transcript.render(timeline.frame(now), state !== "deleted");
  for (const id of ["vtt", "srt"]) element(id).hidden = !index?.captions || (id === "srt" && !!inside);
  turns();
  draw(total ? now / total : 0);
}

function status(now: number, total: number): string {
  const t = texts[language];
  if (state !== "ready") return t[state];
  if (refused) return t.tap;
  if (!index!.closed && now > total - NEAR) return t.edge;
  return !audio.paused && audio.readyState < HTMLMediaElement.HAVE_FUTURE_DATA && !audio.ended ? t.waiting : "";
}

function words(now: number): string {
  const names = story.speaking(timeline.frame(now));
  return names.length ? texts[language].speaks(names.join(", ")) : "\u00a0";
}

/** Where the conversation turns to something else, as its desk marked it. */
function chapters(now: number): void {
  const all = index?.chapters ?? [];
  const made = language + JSON.stringify(all);
  element("chapters").hidden = !all.length || state === "deleted";
  const list = element("chapterlist");
  if (made !== marked) {
    marked = made;
    list.replaceChildren(...all.map((c, i) => entry(c.at, c.title || texts[language].chapter(i + 1))));
  }
  const frame = timeline.frame(now);
  const current = all.findLastIndex((c) => c.at <= frame);
  [...list.children].forEach((item, i) => {
    const button = item.firstElementChild!;
    if ((i === current) === (button.ariaCurrent === "true")) return;
    if (i === current) button.ariaCurrent = "true";
    else button.removeAttribute("aria-current");
  });
}

/** A line that leads to a frame. */
function entry(frame: number, text: string): HTMLElement {
  const item = document.createElement("li"), button = document.createElement("button");
  const at = document.createElement("span"), what = document.createElement("b");
  at.textContent = clock(timeline.time(frame));
  what.textContent = text;
  button.type = "button";
  button.append(at, what);
  button.onclick = () => {
    go(timeline.time(frame));
    play();
  };
  item.append(button);
  return item;
}

/** Who spoke when: each turn is a button that leads there. Those that are there stay as they are, with the focus of whoever is on one. */
function turns(): void {
  if (!index) return;
  const all = story.turns(index.last).slice(0, FEW_TURNS);
  const made = language + all.map((t) => `${t.id}${t.from}`).join();
  element("turns").hidden = !all.length;
  if (made === told) return;
  told = made;
  const list = element("turnlist");
  all.forEach((turn, i) => {
    const there = list.children[i] ?? null;
    const name = story.name(turn.id) || turn.id, time = clock(timeline.time(turn.from));
    if (there?.textContent !== time + name) list.insertBefore(entry(turn.from, name), there);
  });
  while (list.children.length > all.length) list.lastChild!.remove();
}

/** Bars of loudness, heard ones lit, over what is chosen for a clip, and below them a line for each turn, in one of a few shades. */
function draw(heard: number): void {
  const width = wave.clientWidth, height = wave.clientHeight, scale = Math.min(devicePixelRatio, 2);
  if (!width) return;
  const count = Math.floor(width / 3);
  const chosen = maker?.chosen;
  const made = [width, height, still.matches, index?.last, index?.closed, told, marked, Math.round(heard * count), chosen].join();
  if (made === drawn) return;
  drawn = made;
  wave.width = width * scale;
  wave.height = height * scale;
  const g = wave.getContext("2d")!;
  g.scale(scale, scale);
  const style = getComputedStyle(wave);
  const light = style.getPropertyValue("--light"), stone = style.color;
  const across = (frame: number) => (timeline.time(frame) / timeline.total) * width;
  if (chosen) {
    g.fillStyle = light;
    g.globalAlpha = 0.35;
    g.fillRect(across(chosen[0]), 0, Math.max(3, across(chosen[1]) - across(chosen[0])), height - 10);
    g.globalAlpha = 1;
  }
  const levels = index?.levels ? bars(index.levels, count) : Array<number>(count).fill(0.12);
  levels.forEach((level, i) => {
    const tall = Math.max(2, level * level * (height - 10));
    g.fillStyle = i < heard * count ? light : stone;
    g.fillRect(i * 3, (height - 8 - tall) / 2, 2, tall);
  });
  g.fillStyle = style.getPropertyValue("--ink");
  for (const c of index?.chapters ?? []) g.fillRect(across(c.at), 0, 2, height - 10);
  const ids: string[] = [];
  for (const turn of index ? story.turns(index.last) : []) {
    if (!ids.includes(turn.id)) ids.push(turn.id);
    g.fillStyle = light;
    g.globalAlpha = [1, 0.55, 0.3][ids.indexOf(turn.id) % 3]!;
    g.fillRect(across(turn.from), height - 4, Math.max(1, across(turn.to) - across(turn.from) - 1), 4);
  }
}

function say(next: Language): void {
  language = next;
  const t = texts[next];
  document.documentElement.lang = next;
  element("back").ariaLabel = t.back;
  element("forward").ariaLabel = t.forward;
  seek.ariaLabel = t.seek;
  set("speedlabel", t.speed);
  for (const o of element<HTMLSelectElement>("speed").options) o.textContent = `${Number(o.value).toLocaleString(next)}×`;
  set("turnstitle", t.turns);
  set("chapterstitle", t.chapters);
  maker?.say(t);
  transcript.say(next);
  set("vtt", `${t.captions} (WebVTT)`);
  set("srt", `${t.captions} (SRT)`);
  set("filestitle", t.files);
  set("live", t.golive);
  const other = element("language");
  other.lang = next === "en" ? "fr" : "en";
  other.textContent = texts[other.lang as Language].language;
  const query = next === pickLanguage() && !location.search ? "" : `?lang=${next}`;
  element<HTMLAnchorElement>("live").href = base + query;
  if (query && !inside) history.replaceState(null, "", location.pathname + query + location.hash);
  render();
}

function wire(): void {
  element("play").onclick = toggle;
  element("back").onclick = () => go(audio.currentTime - STEP);
  element("forward").onclick = () => go(audio.currentTime + STEP);
  element("language").onclick = () => say(language === "en" ? "fr" : "en");
  element("speed").onchange = (e) => (audio.playbackRate = audio.defaultPlaybackRate = Number((e.target as HTMLSelectElement).value));
  seek.oninput = () => {
    dragging = true;
    render();
  };
  seek.onchange = () => {
    dragging = false;
    go(Number(seek.value));
  };
  for (const [id, name] of [["m4a", "M4A (AAC)"], ["ogg", "Ogg Opus"], ["mp4", "MP4"]] as const) {
    const link = element<HTMLAnchorElement>(id);
    link.href = inside ? `sound.${id}` : `${base}/tape/floor/${id === "m4a" ? "aac-64" : "opus-48"}.${id}`;
    link.download = inside ? "" : `${base.split("/")[2]}.${id}`;
    link.textContent = name;
  }
  for (const id of ["vtt", "srt"]) {
    const link = element<HTMLAnchorElement>(id);
    link.href = inside ? "captions.vtt" : `${base}/tape/captions.${id}`;
    link.download = inside ? "" : `${base.split("/")[2]}.${id}`;
  }
  for (const kind of ["play", "pause", "playing", "waiting", "seeked", "ended", "timeupdate"]) audio.addEventListener(kind, render);
  if ("mediaSession" in navigator) {
    const on = navigator.mediaSession.setActionHandler.bind(navigator.mediaSession);
    on("play", play);
    on("pause", () => audio.pause());
    on("seekbackward", () => go(audio.currentTime - STEP));
    on("seekforward", () => go(audio.currentTime + STEP));
  }
  new ResizeObserver(render).observe(wave);
  still.onchange = render;
  setInterval(render, 1000);
}

globalThis.epidaurusTape = Object.freeze({
  get state() {
    return state === "ready" ? (audio.ended ? "ended" : audio.paused ? "paused" : "playing") : state;
  },
  get frame() {
    return timeline.frame(audio.currentTime);
  },
  get time() {
    return audio.currentTime;
  },
  get total() {
    return timeline.total;
  },
  get closed() {
    return index?.closed ?? false;
  },
});

wire();
if (inside) {
  element("mp4").hidden = true;
  learn(JSON.parse(inside.textContent) as Index);
}
say(language);
if (!inside) {
  void look();
  beacons(base, () => !audio.paused && index?.closed === false);
}
