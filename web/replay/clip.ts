// Makes the address of a clip: it says all of it, so nothing is asked of the server before somebody opens it.

import { FRAMES_PER_SECOND } from "../listen/boxes";
import { forOthers, invited } from "../clip/address";
import { clock, type Timeline } from "./index";
import type { Texts } from "./texts";

/** As docs/PROTOCOL.md, "Clips", has them, in frames. */
const SHORTEST = FRAMES_PER_SECOND, LONGEST = 180 * FRAMES_PER_SECOND;
const USUAL = 30 * FRAMES_PER_SECOND;

type Ear = { timeline: Timeline; time: number; closed: boolean };

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;

export class ClipMaker {
  #from = 0;
  #to = 0;
  #t!: Texts;

  /** `changed` is told when another part is chosen, or none. */
  constructor(private readonly path: string, private readonly ear: () => Ear, private readonly changed: () => void) {
    element("clipmake").onclick = () => (element("clip").hidden ? this.open() : this.close());
    const move = (id: string, by: () => [number, number]) => (element(id).onclick = () => this.#set(...by()));
    move("fromless", () => [this.#from - FRAMES_PER_SECOND, this.#to]);
    move("frommore", () => [this.#from + FRAMES_PER_SECOND, this.#to]);
    move("toless", () => [this.#from, this.#to - FRAMES_PER_SECOND]);
    move("tomore", () => [this.#from, this.#to + FRAMES_PER_SECOND]);
    move("fromhere", () => [this.#here(), Math.max(this.#to, this.#here() + SHORTEST)]);
    move("tohere", () => [Math.min(this.#from, this.#here() - SHORTEST), this.#here()]);
    element("clipcopy").onclick = () => void this.#copy();
  }

  /** What is chosen, in frames; undefined: nothing. */
  get chosen(): [number, number] | undefined {
    return element("clip").hidden ? undefined : [this.#from, this.#to];
  }

  #here(): number {
    const { timeline, time } = this.ear();
    return timeline.frame(time);
  }

  /** Begins with what was just heard. */
  open(): void {
    const here = this.#here();
    const first = this.#span(here)[0];
    this.#set(here - first > SHORTEST * 3 ? here - USUAL : here, here - first > SHORTEST * 3 ? here : here + USUAL);
    this.#show(true);
  }

  close(): void {
    this.#show(false);
  }

  #show(open: boolean): void {
    element("clip").hidden = !open;
    element("clipmake").ariaExpanded = String(open);
    this.changed();
  }

  /** What was taped without a hole, around a frame. */
  #span(frame: number): [number, number] {
    const { spans } = this.ear().timeline;
    return spans.find(([, to]) => frame < to) ?? spans.at(-1) ?? [0, 0];
  }

  #set(from: number, to: number): void {
    const [first, last] = this.#span(Math.max(from, Math.min(to, this.#here())));
    from = Math.max(first, Math.min(from, last - SHORTEST));
    to = Math.min(last, Math.max(to, from + SHORTEST));
    // The end that was not moved follows where a clip would be too long.
    if (to - from > LONGEST) {
      if (from !== this.#from) to = from + LONGEST;
      else from = to - LONGEST;
    }
    this.#from = from;
    this.#to = to;
    this.#render();
    this.changed();
  }

  #render(): void {
    const { timeline } = this.ear();
    const seconds = (this.#to - this.#from) / FRAMES_PER_SECOND;
    element("clipspan").textContent = this.#t.clipSpan(clock(timeline.time(this.#from)), clock(timeline.time(this.#from) + seconds), Math.round(seconds * 10) / 10);
    element<HTMLAnchorElement>("cliplink").href = `${this.path}${this.#from}-${this.#to}`;
    element("clipcopy").textContent = this.#t.clipCopy;
  }

  async #copy(): Promise<void> {
    const { href } = element<HTMLAnchorElement>("cliplink"), url = forOthers(href), t = this.#t;
    const copied = await navigator.clipboard.writeText(url).then(() => true, () => false);
    if (copied) element("clipcopy").textContent = t.clipCopied;
    const words = `${copied ? "" : url} ${invited(href) ? t.clipInvited : ""}`.trim();
    if (words) element("clipspan").textContent = words;
  }

  say(t: Texts): void {
    this.#t = t;
    element("clipmake").textContent = t.clip;
    element("cliptitle").textContent = t.clipTitle;
    element("cliplink").textContent = t.clipOpen;
    for (const [end, label, here] of [["from", t.clipFrom, t.fromHere], ["to", t.clipTo, t.toHere]] as const) {
      element(`${end}label`).textContent = label;
      element(`${end}here`).textContent = t.clipHere;
      element(`${end}here`).ariaLabel = `${t.clipHere}: ${here}`;
      element(`${end}less`).ariaLabel = `${element(`${end}less`).textContent}: ${t.earlier(label)}`;
      element(`${end}more`).ariaLabel = `${element(`${end}more`).textContent}: ${t.later(label)}`;
    }
    if (this.#to) this.#render();
  }
}
