// Takes a listener to another room while he listens: the new sound is opened beside the old one, and takes its place when it is there. The page
// imports this when a "moved" event has got to the ear, and never before.

import { FRAMES_PER_SECOND, type Fragment } from "../listen/boxes";
import type { MovedEvent, RoomEvent } from "../listen/events";
import { Line, type Listener, type Refusal } from "../listen/line";
import { Places } from "../listen/places";
import type { Player } from "../listen/player";
import type { Call } from "../whep/module";
import type { Wait } from "../listen/wait";
import { verified } from "./order";

/** Sound that must be here before the old one is left, in s: less than any burst. */
const ENOUGH = 0.6;
/** Where the new room is not to be had, it is asked for again after so long, by chance up to twice that, in ms. */
const AGAIN = 5000;

const words = {
  en: { on: "The conversation goes on elsewhere, and you are there:" },
  fr: { on: "La conversation continue ailleurs, et vous y êtes :" },
};

/** Where the ear is, and where it is being taken: an order may be told again. It outlives this module, which comes anew with each order. */
type Way = { at: URL; going: Set<string> };
const way = ((globalThis as { epidaurusWay?: Way }).epidaurusWay ??= { at: new URL(location.href), going: new Set() });

/** Follows an order, if it is one. */
export async function move(e: MovedEvent, ear: Player | Call): Promise<void> {
  const room = way.at.pathname.split("/")[2]!.split("~")[0]!;
  const to = await verified(e, room, ear.line.places, location.origin, way.at.origin);
  if (!to || way.going.has(to.href)) return;
  way.going.add(to.href);
  new Crossing(to, "usual" in ear ? ear.usual() : ear).begin(); // from a call one goes there the usual way
}

/** One way from a room to another: keeps what comes of the new one until there is enough of it. */
class Crossing implements Listener {
  readonly #old: Line;
  #line: Line | undefined;
  #kept: (() => void)[] = [];
  #sound = 0; // s
  #crossed = false;

  constructor(private readonly to: URL, private readonly ear: Player) {
    this.#old = ear.line;
  }

  begin(): void {
    this.#kept = [];
    this.#sound = 0;
    // A room of the same cluster is at each of its edges; elsewhere its own list says where else it is.
    const places = this.to.origin === way.at.origin ? this.#old.places : new Places(this.to.origin);
    this.#line = new Line(places, this.#old.path.replace(/^[^?]*/, `${this.to.pathname}/live.mp4`), this);
    this.#line.open();
  }

  /** Who gave his seat up meanwhile goes nowhere. */
  get #stays(): boolean {
    return this.ear.line !== this.#old || ["ready", "unknown", "removed"].includes(this.ear.phase);
  }

  #giveUp(): void {
    this.#line!.close();
    way.going.delete(this.to.href);
  }

  #pass(piece: () => void): void {
    if (this.#crossed) piece();
    else this.#kept.push(piece);
  }

  head(bytes: Uint8Array): void {
    this.#pass(() => this.ear.head(bytes));
  }

  event(at: number, e: RoomEvent): void {
    this.#pass(() => this.ear.event(at, e));
  }

  fragment(f: Fragment): void {
    this.#pass(() => this.ear.fragment(f));
    this.#sound += f.sizes.length / FRAMES_PER_SECOND;
    if (!this.#crossed && this.#sound >= ENOUGH) this.#cross();
  }

  #cross(): void {
    if (this.#stays) return this.#giveUp();
    const { ear } = this;
    const audio = document.getElementById("audio") as HTMLAudioElement;
    const plays = !audio.paused || audio.ended || ear.phase === "ended";
    this.#old.close();
    ear.line = this.#line!;
    ear.anew();
    document.dispatchEvent(new Event("epidaurus-moved"));
    this.#crossed = true;
    this.#kept.forEach((piece) => piece());
    this.#kept = [];
    ear.flows();
    if (plays) ear.play();
    way.at = this.to;
    arrive(this.to);
  }

  anew(): void {
    if (this.#crossed) this.ear.anew();
    else this.#kept = [];
  }

  flows(): void {
    if (this.#crossed) this.ear.flows();
  }

  depth(): number {
    return this.ear.depth();
  }

  waits(wait: Wait): void {
    if (this.#crossed) this.ear.waits(wait);
    else if (this.#stays) this.#giveUp();
  }

  finished(): void {
    this.#pass(() => this.ear.finished());
  }

  refused(why: Refusal): void {
    if (this.#crossed) this.ear.refused(why);
    else if (this.#stays) this.#giveUp();
    else setTimeout(() => this.begin(), AGAIN * (1 + Math.random()));
  }
}

/** The page becomes that of the new room, as far as an address may be changed: another origin's may not, and there a line says where one is. */
function arrive(to: URL): void {
  const tape = document.getElementById("tape") as HTMLAnchorElement;
  tape.href = `${to.href}/tape/#play`;
  if (to.origin === location.origin) {
    history.replaceState(null, "", to.pathname + location.search);
    return;
  }
  document.getElementById("hand")!.hidden = true; // a hand is raised at the page's own server
  const line = document.createElement("p");
  line.id = "moved";
  const link = document.createElement("a");
  link.href = link.textContent = to.href;
  link.style.color = "inherit";
  line.append(`${words[document.documentElement.lang as keyof typeof words]?.on ?? words.en.on} `, link);
  document.getElementById("moved")?.remove();
  document.getElementById("status")!.after(line);
}
