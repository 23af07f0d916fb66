// What was said, as text: shown while it is heard, and as a list that is searched and leads to each line.

import { Box, type Line } from "../captions/box";
import { at, type Said, type Track } from "../captions/said";
import { texts, type Language } from "./texts";

/** How long a line is shown that nobody said when to end, in frames. */
const LONGEST = 400;

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
    this.#box.exactly(any ? at(frame, this.#tracks) : []);
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
