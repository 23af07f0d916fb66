// The listener's page. One tap takes a seat; everything that is shown rides with the sound.

import type { MovedEvent, RoomEvent } from "./events";
import { Loudness } from "./loudness";
import { Places } from "./places";
import { Player, type Ear } from "./player";
import { mediaSource, Sound } from "./sound";
import { pickLanguage, type Language } from "./texts";
import { Theatre } from "./theatre";
import { apply, element, View, type Room } from "./view";
import { WaitStore } from "./wait";

declare global {
  /** What happens at the ear, to be read by tests and by the curious. */
  var epidaurus: Readonly<{ state: string; frame: number; delay: number; gaps: number; reconnects: number; start: number | undefined }>;
}

const base = location.pathname.replace(/\/$/, "");
const audio = element<HTMLAudioElement>("audio");
const room: Room = { title: guessTitle(), language: "", state: "", people: [], speaking: [], seats: 0 };
const source = mediaSource();
const saving = (navigator as { connection?: { saveData?: boolean } }).connection?.saveData;
const path = `${base}/live.mp4?pace=1${saving ? "&variant=opus-24" : ""}`;
let ear = { phase: "ready", frame: 0, delay: 0 } as Ear; // until there is one, for those who ask
let view: View;
const still = matchMedia("(prefers-reduced-motion)");
const loudness = new Loudness((frame) => ear.size(frame));
const theatre = new Theatre(element<HTMLCanvasElement>("rows"), element("listen"), paint);

/** What few need comes from an address of its own, to those who do. */
const later = <T>(name: string): Promise<T> => import(`${base}/${name}.js`) as Promise<T>;
const pull = async () => (await later<typeof import("../pull/module")>("pull")).pieces(base, saving ? "opus-24" : "opus-48");
const elsewhere = async (what: "fill" | "warn") => (await later<typeof import("../elsewhere/module")>("elsewhere"))[what](element("more"), base);
/** Apps that show pages inside themselves: elsewhere/inapp.ts knows them. */
const APPS = /FB[AI_]|Instagram|Twitter|; wv|TikTok|musical_ly|Bytedance|LinkedInApp|Snapchat|Pinterest|MicroMessenger|Line\/|Telegram/;

/** The page's script is the same for every room, so before the sound only the address can tell it a title: harbour-talk-k3f9x2. */
function guessTitle(): string {
  const words = (base.split("/")[2] ?? "").split("-").slice(0, -1).join(" ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function heard(e: RoomEvent): void {
  apply(room, e);
  // What shows captions comes with the first line; should that fail, with the next.
  if (e.t === "caption") void later<typeof import("../captions/module")>("captions").then((m) => m.present(e.lines));
  if (e.t === "moved") setTimeout(follow, e.spread_ms * Math.random(), e);
  if (e.t === "room" || e.t === "stage") describe();
}

/** What takes a listener to another room comes when one has to go there; what cannot be had now is asked for again. */
function follow(e: MovedEvent): void {
  import(`${base}/moved.js?${Math.random()}`).then((m) => m.move(e, ear), () => setTimeout(follow, 5000, e));
}

/** Words for the lock screen. */
function describe(): void {
  if (!("mediaSession" in navigator)) return;
  navigator.mediaSession.metadata = new MediaMetadata({
    title: room.title,
    artist: room.people.map((p) => p.name).join(", "),
    album: "Epidaurus",
  });
}

function changed(): void {
  view.render();
  paint();
}

function paint(): void {
  const quiet = audio.paused || !ear.seated;
  const flat = room.speaking.length ? 0.5 : 0;
  // Music before the beginning is heard as well; without a speaker a live stage only breathes.
  const share = room.state === "live" && !room.speaking.length ? 0.3 : 1;
  theatre.draw({
    frame: ear.frame,
    loudness: (frame) => (quiet ? 0 : still.matches ? flat : loudness.level(frame) * share),
    seats: ear.seated ? room.seats : 0,
    seated: ear.seated && ear.begun,
    still: still.matches,
  });
}

/** Some 15 pictures a second while there is something to see: the rows light up slowly, and a phone has to last the evening. */
let last = 0;
function animate(now: number): void {
  requestAnimationFrame(animate);
  if (now - last < 60 || still.matches || audio.paused || !ear.seated) return;
  last = now;
  loudness.hear(ear.frame);
  paint();
}

function say(language: Language): void {
  view.speak(language);
  const here = new URL(location.href);
  if (here.searchParams.get("lang") || language !== pickLanguage()) {
    here.searchParams.set("lang", language);
    history.replaceState(null, "", here);
  }
}

function tap(): void {
  if (ear.seated && !audio.paused) ear.pause();
  else ear.play();
}

function wire(): void {
  element("listen").onclick = tap;
  element("golive").onclick = () => ear.live();
  element("language").onclick = () => say(view.language === "en" ? "fr" : "en");
  element("mute").onclick = () => (audio.muted = !audio.muted);
  element<HTMLInputElement>("volume").oninput = (e) => {
    audio.volume = Number((e.target as HTMLInputElement).value);
    audio.muted = false;
  };
  audio.onvolumechange = changed;
  // What a raised hand needs has its own address, and comes only to who wants it. The page there says how the frame looks.
  element("hand").onclick = () => {
    const frame = document.createElement("iframe");
    frame.src = `${location.pathname}/hand#${room.seats}`;
    element("hand").hidden = true;
    element("sound").append(frame);
  };
  element("more").addEventListener("toggle", () => elsewhere("fill"), { once: true });
  if (APPS.test(navigator.userAgent)) elsewhere("warn");
  if ("mediaSession" in navigator) {
    navigator.mediaSession.setActionHandler("play", () => ear.play());
    navigator.mediaSession.setActionHandler("pause", () => ear.pause());
  }
  matchMedia("(prefers-color-scheme: dark)").onchange = paint;
  setInterval(() => view.render(), 500);
  requestAnimationFrame(animate);
}

globalThis.epidaurus = Object.freeze({
  get state() {
    return audio.paused && ear.phase === "listening" ? "paused" : ear.phase;
  },
  get frame() {
    return ear.frame;
  },
  get delay() {
    return ear.delay;
  },
  get gaps() {
    return ear.gaps;
  },
  get reconnects() {
    return ear.reconnects;
  },
  /** When it is to begin, for the script that waits for it. */
  get start() {
    return room.start;
  },
});

async function begin(): Promise<void> {
  // Who taps while a part of the page is still on its way has tapped; an element that is loaded in a tap may play later, in Safari too.
  let tapped = false;
  element("listen").onclick = () => ((tapped = true), source || audio.load());
  ear = source
    ? new Player(audio, new Sound(audio, source), new Places(location.origin), path, new WaitStore(base), heard, changed, pull)
    : new (await later<typeof import("../plain/module")>("plain")).Plain(audio, base, changed, heard);
  if (element("whep")) ear = await later<typeof import("../whep/module")>("whep").then((m) => m.over(ear as Player, heard, changed), () => ear);
  view = new View(ear, audio, room, !source);
  say(pickLanguage());
  wire();
  if (tapped) tap();
  // Where the browser tells with which status the page came, a wrong link is known before the tap.
  const [came] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  if (ear instanceof Player) came?.responseStatus === 404 ? ear.refused("unknown") : ear.restore();
}

void begin();
