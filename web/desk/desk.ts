// One room's desk: microphone, line and loudspeakers, and what a person can do with them.

import { ownSeat } from "./announceapi";
import { type Air, air } from "./air";
import { Refusal, setName } from "./api";
import { Backline } from "./backline";
import { mayBeHeard } from "./consent";
import { Line } from "./line";
import { Microphone } from "./mic";
import { Monitor } from "./monitor";
import { Place } from "./place";
import { prefs } from "./prefs";
import { Speakers } from "./speakers";
import { Store } from "./store";
import { sentence } from "./trouble";
import { RECEIVING, RECEIVING_BACKSTAGE } from "./wire";

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
  readonly back: Backline;
  readonly monitor: Monitor;
  readonly view = new Store<DeskView>({ air: { word: "nobody", reason: "not-on-stage" }, left: false, name: "", trouble: "" });
  /** How far this tab has read the backstage chat. */
  readonly reading: Store<{ read: number }>;
  private place: Place | null = null; // once it is known who this is
  private returning = false;
  private wasBack = false; // in the audience, as far as is known
  private left = false; // for another room's
  private nameOwed = false; // a new session does not know the chosen name yet

  constructor(
    readonly room: string,
    readonly token: string,
    private readonly voices: HTMLElement,
    private readonly raw: boolean,
    mic = new Microphone(raw),
  ) {
    const speakers = new Speakers(voices, RECEIVING, "slot");
    let aside: Speakers | null = null; // most people are never backstage
    this.mic = mic;
    this.line = new Line(room, token);
    this.monitor = new Monitor(
      () => new URL(this.line.view.value.stage?.room.listen_url ?? `/r/${room}`, location.href).pathname,
      () => ownSeat(room, token),
    );
    this.back = new Backline(room, token);
    this.reading = new Store({ read: Number(sessionStorage.getItem(`epidaurus.read.${room}`) ?? 0) });
    this.mic.onTrack = (track) => {
      this.line.send(track);
      this.back.send(track);
    };
    this.back.onVoices = (tracks) => {
      aside ??= new Speakers(voices, RECEIVING_BACKSTAGE, "back");
      aside.play(tracks);
    };
    this.line.onVoices = (tracks) => {
      speakers.play(tracks);
      this.nameOwed = tracks.length > 0;
    };
    this.mic.view.follow(() => this.derive());
    this.line.view.follow(() => this.follow());
    this.line.view.follow(() => {
      const { stage, voice } = this.line.view.value;
      this.back.follow(stage, voice !== "off");
      for (const s of [speakers, aside]) s?.duck(stage?.ear !== undefined);
    });
    this.back.view.follow(() => this.follow());
  }

  start(): void {
    this.line.start();
    addEventListener("pagehide", () => {
      this.line.leave();
      this.back.leave();
    });
  }

  /** Goes on in another room, as it is here: on stage or not, muted or not, with the same microphone. This desk is done with then. */
  goTo(room: string, token: string): Desk {
    const { voice, muted } = this.line.view.value;
    const name = this.line.me?.name ?? this.view.value.name;
    this.left = true;
    this.monitor.stop();
    this.place?.release();
    const { open, state } = this.back.view.value;
    this.back.leave(); // with this desk nobody would end it, and it has the same microphone
    this.line.close();
    const next = new Desk(room, token, this.voices, this.raw, this.mic);
    next.line.send(this.mic.track);
    next.back.send(this.mic.track);
    next.view.set({ name });
    next.start();
    if (muted) next.mute(true);
    if (voice !== "off") next.line.goOn();
    else if (state !== "off") next.back.join(open);
    return next;
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
    this.back.leave();
    if (prefs().pushToTalk) this.mute(true);
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

  leaveBackstage(): void {
    this.back.leave();
    this.mic.stop();
  }

  /** Remembers that the chat was read up to a line. */
  readChat(n: number): void {
    if (n === this.reading.value.read) return;
    this.reading.set({ read: n });
    sessionStorage.setItem(`epidaurus.read.${this.room}`, String(n));
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
    const aside = this.back.view.value.state !== "off"; // by choice
    return !end && voice === "off" && !aside && !this.view.value.left && this.line.me?.away === true && !stage?.you.sent_back && mayBeHeard(stage);
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
    if (this.left) return; // the microphone is another desk's
    const { end, muted, voice, stage } = this.line.view.value;
    if (stage) this.place ??= new Place(`epidaurus.stage.${this.room}.${stage.you.id}`);
    if (voice !== "off") this.place?.hold(); // also of who came here on stage
    if (this.place && !this.returning && this.waits()) void this.comeBack(this.place);
    const aside = voice === "off" && this.back.view.value.state !== "off";
    this.mic.pass(aside ? this.back.sounding : !muted);
    if (end) this.back.leave();
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

  /** Where the voice of somebody goes who is not on stage. */
  private aside(): "talkback" | "backstage" | "lost" | null {
    const { state, open, held } = this.back.view.value;
    if (state === "lost" && open) return "lost";
    if (state !== "on" || !this.mic.live) return null;
    // As the server tells it: until then nobody is promised to be heard in an ear, nor elsewhere.
    if (held !== null) return (this.line.view.value.stage?.talk?.to.length ?? 0) > 0 ? "talkback" : null;
    return open ? "backstage" : null;
  }

  private sayName(known: string): void {
    this.nameOwed = false;
    const { name } = this.view.value;
    if (name !== known) void this.attempt(() => setName(this.room, this.token, name));
  }

  private derive(): void {
    if (this.left) return;
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
      listensOnly: stage?.you.consent === "declined",
      aside: this.aside(),
    });
    const { air: now } = this.view.value;
    if (next.word !== now.word || next.reason !== now.reason) this.view.set({ air: next });
  }
}
