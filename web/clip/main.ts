// A part of a conversation with a link of its own: it plays, is shared, and leads to the whole.

import { Box } from "../captions/box";
import { at, type Track } from "../captions/said";
import { FRAMES_PER_SECOND } from "../listen/boxes";
import { bars, clock } from "../replay/index";
import { pickLanguage } from "../replay/texts";
import { forOthers, invited } from "./address";
import { texts, type Language } from "./texts";

declare global {
  /** What happens at the ear, to be read by tests and by the curious. */
  var epidaurusClip: Readonly<{ state: string; time: number; total: number }>;
}

/** What clip.json says. See docs/PROTOCOL.md, "Clips". */
type Clip = {
  title: string;
  lang: string;
  from: number;
  to: number;
  seconds: number;
  began?: string;
  into: number;
  speakers: string[];
  live?: boolean;
  m4a?: boolean;
  captions?: Track[];
  levels: string;
};

const AGAIN = 2000; // ms between two looks for what was just said
const PLAY = "M8 5v14l11-7z", PAUSE = "M7 5h3.6v14H7zM13.4 5H17v14h-3.6z";

const here = location.pathname.replace(/\/$/, "");
const base = here.split("/").slice(0, 3).join("/");
const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const audio = element<HTMLAudioElement>("audio");
const seek = element<HTMLInputElement>("seek");
const wave = element<HTMLCanvasElement>("wave");
const dark = matchMedia("(prefers-color-scheme: dark)");
const captions = new Box();

let language: Language = pickLanguage();
let clip: Clip | undefined;
let state: "loading" | "lost" | "gone" | "early" | "none" | "unplayed" | "ready" = "loading";
let word = "";

/** Writes only what changes: a status that is written again is read again to who cannot see it. */
function set(id: string, text: string): void {
  const e = element(id);
  if (e.textContent !== text) e.textContent = text;
}

async function look(): Promise<void> {
  try {
    const answer = await fetch(`${here}/clip.json`, { credentials: "omit" });
    if (answer.ok) {
      clip = (await answer.json()) as Clip;
      state = "ready";
      audio.src = `${here}/sound.ogg`;
    } else {
      const code = ((await answer.json()) as { code?: string }).code;
      state = answer.headers.has("Retry-After") ? "early" : code === "not_offered" ? "none" : answer.status < 500 ? "gone" : "lost";
    }
  } catch {
    state = "lost";
  }
  if (state === "early" || state === "lost") setTimeout(() => void look(), AGAIN);
  render();
}

function render(): void {
  const t = texts[language];
  const total = clip?.seconds ?? 0, now = Math.min(audio.currentTime, total);
  const title = clip?.title || t.untitled;
  set("title", title);
  element("title").lang = clip?.lang ?? "";
  document.title = `${audio.paused ? "" : "▸ "}${title} — Epidaurus`;
  set("when", clip?.began ? t.of(new Date(clip.began).toLocaleString(language, { dateStyle: "long", timeStyle: "short" }), clock(total)) : "");
  set("verb", audio.paused ? t.play : t.pause);
  element("icon").setAttribute("d", audio.paused ? PLAY : PAUSE);
  set("speaking", clip?.speakers.join(", ") || "\u00a0");
  set("status", word || (state === "ready" ? "" : t[state]));
  for (const id of ["deck", "time", "clock", "share", "file", "chip"]) element(id).hidden = !clip;
  element("m4a").hidden = !clip?.m4a;
  if (state === "unplayed") element("deck").hidden = true;
  seek.max = String(total);
  seek.value = String(now);
  seek.ariaValueText = t.at(clock(now), clock(total));
  set("now", clock(now));
  set("total", clock(total));
  captions.toggle.hidden = !clip?.captions;
  captions.exactly(clip?.captions ? at(clip.from + Math.floor(now * FRAMES_PER_SECOND), clip.captions) : []);
  draw(total ? now / total : 0);
}

function draw(heard: number): void {
  const width = wave.clientWidth, height = wave.clientHeight, scale = Math.min(devicePixelRatio, 2);
  if (!width || !clip) return;
  wave.width = width * scale;
  wave.height = height * scale;
  const g = wave.getContext("2d")!;
  g.scale(scale, scale);
  const style = getComputedStyle(wave);
  const count = Math.floor(width / 6);
  bars(clip.levels, count).forEach((level, i) => {
    const tall = Math.max(3, level * level * (height - 10));
    g.fillStyle = i < heard * count ? style.getPropertyValue("--light") : style.color;
    g.fillRect(i * 6, (height - tall) / 2, 4, tall);
  });
}

async function share(): Promise<void> {
  const url = location.origin + forOthers(here);
  if (navigator.share) return navigator.share({ url, title: clip?.title ?? "" }).catch(() => {}); // who asked has thought better of it
  const t = texts[language];
  word = await navigator.clipboard.writeText(url).then(() => t.copied, () => t.uncopied(url));
  if (invited(here)) word += ` ${t.invited}`;
  render();
}

function say(next: Language): void {
  language = next;
  const t = texts[next];
  document.documentElement.lang = next;
  seek.ariaLabel = t.seek;
  set("chip", t.chip);
  set("share", t.share);
  set("file", t.file);
  set("m4a", t.m4a);
  word = "";
  const other = element("language");
  other.lang = next === "en" ? "fr" : "en";
  other.textContent = texts[other.lang as Language].language;
  lead();
  render();
}

/** The way to the whole begins where the clip does. */
function lead(): void {
  const whole = element<HTMLAnchorElement>("whole");
  whole.textContent = texts[language].whole;
  whole.href = `${base}/tape/?lang=${language}#t=${clip?.into ?? 0}&play`;
}

element("play").onclick = () => {
  word = "";
  if (audio.paused) void audio.play().catch(render);
  else audio.pause();
};
element("share").onclick = () => void share();
element("language").onclick = () => say(language === "en" ? "fr" : "en");
seek.oninput = () => {
  audio.currentTime = Number(seek.value);
  render();
};
for (const kind of ["play", "pause", "ended", "timeupdate", "seeked"]) audio.addEventListener(kind, render);
audio.addEventListener("error", () => {
  if (!audio.getAttribute("src")) return;
  state = "unplayed";
  render();
});
for (const [id, kind] of [["file", "ogg"], ["m4a", "m4a"]] as const) {
  const file = element<HTMLAnchorElement>(id);
  file.href = `${here}/sound.${kind}`;
  file.download = `${here.split("/").slice(2).join("-")}.${kind}`;
}
element("tools").append(captions.toggle);
element("speaking").after(captions.root);
new ResizeObserver(render).observe(wave);
dark.onchange = render;

globalThis.epidaurusClip = Object.freeze({
  get state() {
    return state === "ready" ? (audio.ended ? "ended" : audio.paused ? "paused" : "playing") : state;
  },
  get time() {
    return audio.currentTime;
  },
  get total() {
    return clip?.seconds ?? 0;
  },
});

say(language);
void look().then(lead);
