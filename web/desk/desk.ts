// One room's desk: microphone, line and loudspeakers, and what a person can do with them.

import { type Air, air } from "./air";
import { Refusal, setName } from "./api";
import { Line } from "./line";
import { Microphone } from "./mic";
import { Monitor } from "./monitor";
import { Place } from "./place";
import { Speakers } from "./speakers";
import { Store } from "./store";
import { sentence } from "./trouble";

export interface DeskView {
  air: Air;
  /** Was on stage and left. */
  left: boolean;
  /** The name that the person chose; empty until then. */
  name: string;
  /** Why the last thing pressed did not work. */
  trouble: string;
}

export class Desk {
  readonly mic: Microphone;
  readonly line: Line;
  readonly monitor: Monitor;
  readonly view = new Store<DeskView>({ air: { word: "nobody", reason: "not-on-stage" }, left: false, name: "", trouble: "" });
  private place: Place | null = null; // once it is known who this is
  private returning = false;
  private wasBack = false; // in the audience, as far as is known
  private nameOwed = false; // a new session does not know the chosen name yet

  constructor(
    readonly room: string,
    readonly token: string,
    voices: HTMLElement,
    raw: boolean,
  ) {
    const speakers = new Speakers(voices);
    this.mic = new Microphone(raw);
    this.line = new Line(room, token);
    this.monitor = new Monitor(room);
    this.mic.onTrack = (track) => this.line.send(track);
    this.line.onVoices = (tracks) => {
      speakers.play(tracks);
      this.nameOwed = tracks.length > 0;
    };
    this.mic.view.follow(() => this.derive());
    this.line.view.follow(() => this.follow());
  }

  start(): void {
    this.line.start();
    addEventListener("pagehide", () => this.line.leave());
  }

  async goOn(name: string): Promise<void> {
    this.view.set({ name, trouble: "" });
    try {
      await setName(this.room, this.token, name);
    } catch (e) {
      // Who is not on stage yet may have no name to change: it is said again once there. A bad name must be changed first.
      if (e instanceof Refusal && e.status === 400) return this.view.set({ trouble: sentence(e) });
    }
    this.view.set({ left: false });
    this.line.goOn();
    this.place?.hold();
  }

  mute(muted: boolean): void {
    this.mic.pass(!muted);
    void this.line.mute(muted);
  }

  leave(): void {
    this.line.leave();
    this.mic.stop();
    this.monitor.stop();
    this.place?.release();
    this.view.set({ left: true });
  }

  /** Does something that may be refused, and says so if it is. Reports whether it worked. */
  async attempt(action: () => Promise<unknown>): Promise<boolean> {
    try {
      await action();
      this.view.set({ trouble: "" });
      return true;
    } catch (e) {
      this.view.set({ trouble: sentence(e) });
      return false;
    }
  }

  /** Reports whether the stage keeps a place for this person, who is on it nowhere. */
  private readonly waits = (): boolean => {
    const { voice, stage, end } = this.line.view.value;
    return !end && voice === "off" && !this.view.value.left && this.line.me?.away === true && !stage?.you.sent_back;
  };

  /** Takes a place that a browser left by dying. Whoever was muted is so still: the stage knows. */
  private async comeBack(place: Place): Promise<void> {
    this.returning = true;
    const { me } = this.line;
    if (me && (await place.mayReturn(this.waits))) {
      await this.mic.start();
      if (this.mic.view.value.state === "on" && this.waits()) await this.goOn(me.name);
    }
    this.returning = false;
  }

  private follow(): void {
    const { end, muted, voice, stage } = this.line.view.value;
    if (stage) this.place ??= new Place(`epidaurus.stage.${this.room}.${stage.you.id}`);
    if (this.place && !this.returning && this.waits()) void this.comeBack(this.place);
    this.mic.pass(!muted);
    if (end && this.mic.view.value.state !== "off") this.mic.stop();
    if (end) this.monitor.stop();
    if (end) this.place?.release();
    // Back in the audience nobody is recorded by surprise: who is called up again turns the microphone on again.
    const back = stage?.you.sent_back === true;
    if (back && !this.wasBack) this.mic.stop();
    this.wasBack = back;
    if (this.nameOwed && voice === "on" && this.line.me) this.sayName(this.line.me.name);
    this.derive();
  }

  private sayName(known: string): void {
    this.nameOwed = false;
    const { name } = this.view.value;
    if (name !== known) void this.attempt(() => setName(this.room, this.token, name));
  }

  private derive(): void {
    const { end, voice, fresh, muted, mutedByOther, stage } = this.line.view.value;
    const next = air({
      end: end?.why ?? null,
      left: this.view.value.left,
      voice,
      fresh,
      muted,
      mutedByOther,
      micLive: this.mic.live,
      micSilenced: this.mic.view.value.silenced,
      heard: this.line.me !== undefined && this.line.me.heard && !this.line.me.away,
      room: stage?.room.state ?? null,
      planned: stage?.room.life?.plan !== undefined,
      producer: stage?.you.role === "producer",
      sentBack: stage?.you.sent_back === true,
    });
    const { air: now } = this.view.value;
    if (next.word !== now.word || next.reason !== now.reason) this.view.set({ air: next });
  }
}
