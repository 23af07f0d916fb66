// What was said, as text: shown while it is heard, and as a list that is searched and leads to each line.

import { Box, type Line } from "../captions/box";
import { texts, type Language } from "./texts";

/** A line of captions, from one frame to another. */
export type Said = { from: number; to: number; text: string };
export type Track = { lang: string; lines: Said[] };

/** How long a line is shown that nobody said when to end, in frames. */
const LONGEST = 400;
/** Lines that are shown before the one at the ear. */
const BEFORE = 1;

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const plain = (s: string) => s.normalize("NFD").replace(/\p{M}/gu, "").toLocaleLowerCase();

export class Transcript {
  readonly #box = new Box();
  #tracks: Track[] = [];
  #live = new Map<string, Map<string, Said>>(); // of a tape that grows, by language and ID
  #made = "";
  #language: Language = "en";
  #buttons: { line: Said; item: HTMLElement; words: string }[] = [];

  /** `entry` makes a line of a list that leads to a frame. */
  constructor(private readonly entry: (frame: number, text: string) => HTMLElement) {
    element("tools").append(this.#box.toggle);
    element("speaking").after(this.#box.root);
    element<HTMLInputElement>("search").oninput = () => this.#search();
  }

  get any(): boolean {
    return this.#tracks.length > 0;
  }

  /** The captions of a whole tape. */
  learn(tracks: readonly Track[]): void {
    this.#tracks = [...tracks];
  }

  /** Lines that a part of the tape tells of. */
  add(lines: readonly Line[]): void {
    for (const { lang, id, at, text } of lines) {
      const known = this.#live.get(lang) ?? new Map<string, Said>();
      this.#live.set(lang, known);
      if (text) known.set(id, { from: at, to: at + LONGEST, text });
      else known.delete(id);
    }
    this.#tracks = [...this.#live].map(([lang, all]) => {
      const sorted = [...all.values()].sort((a, b) => a.from - b.from);
      return { lang, lines: sorted.map((l, i) => ({ ...l, to: Math.min(l.to, sorted[i + 1]?.from ?? l.to) })) };
    });
  }

  say(language: Language): void {
    const t = texts[language];
    this.#language = language;
    element("transcripttitle").textContent = t.transcript;
    element<HTMLInputElement>("search").ariaLabel = element<HTMLInputElement>("search").placeholder = t.search;
    this.#made = "";
  }

  /** Shows what is said at a frame. */
  render(frame: number, shown: boolean): void {
    const any = this.any && shown;
    this.#box.toggle.hidden = element("transcript").hidden = !any;
    this.#box.exactly(any ? this.#tracks.map(({ lang, lines }) => ({ lang, lines: near(lang, lines, frame) })) : []);
    if (!any) return;
    const lines = this.#tracks.find((t) => t.lang === this.#box.language)?.lines ?? [];
    const made = this.#box.language + this.#language + JSON.stringify(lines);
    if (made !== this.#made) {
      this.#made = made;
      element("transcriptlist").lang = this.#box.language;
      this.#buttons = lines.map((line) => ({ line, item: this.entry(line.from, line.text), words: plain(line.text) }));
      element("transcriptlist").replaceChildren(...this.#buttons.map((b) => b.item));
      this.#search();
    }
    for (const { line, item } of this.#buttons) {
      const now = line.from <= frame && frame < line.to, button = item.firstElementChild!;
      if (now === (button.ariaCurrent === "true")) continue;
      if (now) button.ariaCurrent = "true";
      else button.removeAttribute("aria-current");
    }
  }

  #search(): void {
    const wanted = plain(element<HTMLInputElement>("search").value.trim());
    let found = 0;
    for (const { item, words } of this.#buttons) {
      item.hidden = !words.includes(wanted);
      if (!item.hidden) found++;
    }
    element("found").textContent = wanted ? texts[this.#language].found(found) : "";
  }
}

/** The line at a frame, and the one before it; nothing in a long pause. */
function near(lang: string, lines: readonly Said[], frame: number): Line[] {
  const last = lines.findLastIndex((l) => l.from <= frame);
  if (last < 0 || lines[last]!.to <= frame) return [];
  return lines.slice(Math.max(0, last - BEFORE), last + 1).map((l) => ({ id: String(l.from), lang, at: l.from, text: l.text }));
}
