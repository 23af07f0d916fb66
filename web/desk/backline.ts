// The line backstage: heard there and in single ears, never by the audience. It comes back by itself, as the stage's does.

import { Refusal, setMuted } from "./api";
import { talkTo } from "./earapi";
import { Session } from "./session";
import { Store } from "./store";
import { sentence } from "./trouble";
import type { Stage } from "./wire";

export interface BackView {
  state: "off" | "joining" | "on" | "lost";
  /** Those backstage may hear this person. */
  open: boolean;
  /** Whose talk button is held: a person, EVERYBODY, or nobody's. */
  held: string | null;
  /** Why the last thing asked for did not work. */
  trouble: string;
}

const FIRST_GAP = 500; // ms between attempts; doubles
const LONGEST_GAP = 2000;
const HOLD_EVERY = 1000; // ms: the server ends a talk that nobody says is held for 3 s
const ABSENT = 1500; // ms that the events may take to tell of a new session

export class Backline {
  readonly view = new Store<BackView>({ state: "off", open: false, held: null, trouble: "" });
  /** Told of the tracks of each new session, in the order of its sections; none when it is over. */
  onVoices: (tracks: MediaStreamTrack[]) => void = () => {};

  private track: MediaStreamTrack | null = null;
  private session: Session | null = null;
  private turn = 0; // counts comings and goings: an attempt of an earlier one is void
  private renewing = false;
  private telling = false;
  private opening = false;
  private told: string | null = null; // whom the server takes for spoken to
  private wakeHold: () => void = () => {};

  constructor(
    private readonly room: string,
    private readonly token: string,
  ) {}

  /** Reports whether the microphone has to let sound through. */
  get sounding(): boolean {
    const { state, open, held } = this.view.value;
    return state !== "off" && (open || held !== null);
  }

  join(open: boolean): void {
    if (this.view.value.state !== "off") return;
    this.turn++;
    this.view.set({ state: "joining", open, trouble: "" });
    void this.renew();
  }

  leave(): void {
    if (this.view.value.state === "off") return;
    this.turn++;
    this.session?.leave();
    this.session = null;
    this.told = null;
    this.onVoices([]);
    this.view.set({ state: "off", open: false, held: null });
    this.wakeHold();
  }

  send(track: MediaStreamTrack | null): void {
    this.track = track;
    this.session?.send(track);
  }

  setOpen(open: boolean): void {
    this.view.set({ open });
    void this.tellOpen();
  }

  /** Speaks into an ear from now on, or into none. */
  hold(who: string | null): void {
    if (who !== null && this.view.value.state !== "on") return;
    this.view.set({ held: who, ...(who !== null && { trouble: "" }) });
    this.wakeHold();
    void this.tellHeld();
  }

  /** Brings what the server knows of us and what we want together. */
  follow(stage: Stage | null, onStage: boolean): void {
    const { state, open } = this.view.value;
    if (!stage || state === "off") return;
    if (stage.you.sent_back || onStage) return this.leave();
    const me = stage.backstage.find((p) => p.id === stage.you.id);
    if (!me?.here) {
      const settled = this.session !== null && performance.now() - this.session.connectedAt > ABSENT;
      if (state === "on" && settled) void this.renew(); // a server that began anew does not know us
      return;
    }
    if (state === "on" && (me.open ?? false) !== open) void this.tellOpen();
  }

  private async renew(): Promise<void> {
    if (this.renewing) return;
    this.renewing = true;
    const { turn } = this;
    for (let gap = FIRST_GAP; turn === this.turn; gap = Math.min(gap * 2, LONGEST_GAP)) {
      const next: Session = new Session(this.room, this.token, this.track, () => this.changed(next), "backstage");
      try {
        await next.offer();
        if (turn !== this.turn) {
          next.leave();
          break;
        }
        this.session?.close();
        this.session = next;
        await next.connected();
        if (turn === this.turn) this.settled(next);
        break;
      } catch (e) {
        next.close();
        if (this.session === next) this.session = null;
        if (turn !== this.turn) break;
        if (e instanceof Refusal && e.status < 500 && e.status !== 404) this.leave();
        if (e instanceof Refusal) this.view.set({ trouble: sentence(e) });
        if (turn !== this.turn) break;
        await new Promise((resolve) => setTimeout(resolve, gap));
      }
    }
    this.renewing = false;
    // Whoever left and came again meanwhile waits for a session.
    if (turn !== this.turn && this.view.value.state === "joining") void this.renew();
  }

  private settled(next: Session): void {
    next.send(this.track); // it may be another one by now
    this.told = null;
    this.onVoices(next.voices);
    this.view.set({ state: "on", trouble: "" });
    if (this.view.value.open) void this.tellOpen();
  }

  private changed(session: Session): void {
    if (session !== this.session || this.view.value.state !== "on" || session.state === "connected") return;
    this.view.set({ state: "lost", held: null }); // nobody is spoken to unawares when it is back
    void this.renew();
  }

  private async tellOpen(): Promise<void> {
    if (this.opening || this.view.value.state !== "on") return;
    this.opening = true;
    const { open } = this.view.value;
    try {
      await setMuted(this.room, this.token, "me", !open);
    } catch {
      // The next state shows the difference, and follow() says it again.
    }
    this.opening = false;
    if (open !== this.view.value.open) void this.tellOpen();
  }

  /** Tells the server who is spoken to, one request after the other, and again for as long as the button is held. */
  private async tellHeld(): Promise<void> {
    if (this.telling) return;
    this.telling = true;
    for (;;) {
      const { held } = this.view.value;
      try {
        if (held === null && this.told !== null) await talkTo(this.room, this.token, this.told, false);
        else if (held !== null) await talkTo(this.room, this.token, held, true);
        this.told = held;
      } catch (e) {
        this.told = held; // as far as is known
        if (e instanceof Refusal && held !== null && held === this.view.value.held) this.view.set({ held: null, trouble: sentence(e) });
      }
      if (held !== this.view.value.held) continue;
      if (held === null) break;
      await this.pause(HOLD_EVERY);
    }
    this.telling = false;
  }

  /** Waits while a button is held, or less: a press or a release ends it. */
  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wakeHold = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
