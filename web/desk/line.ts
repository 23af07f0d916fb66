// The line between this desk and the stage: events in, voice out, and the way back after the network, the server or the
// address of this machine went away. Nothing here asks anybody to press anything.

import { openEvents, Refusal, setMuted } from "./api";
import { reach } from "./reach";
import { NoPath, Session } from "./session";
import { readEvents, type ServerEvent } from "./sse";
import { Store } from "./store";
import { type Air, CHAT_KEPT, type ChatLine, type Cues, type Hands, type Levels, type Person, type Stage } from "./wire";

/** Chromium on Android and ChromeOS tells of a new network here (Network Information API). */
const network = (navigator as unknown as { connection?: EventTarget }).connection;

/** Why a line is over for good. */
export type End = { why: "removed" | "ended" } | { why: "refused"; refusal: Refusal };

export interface LineView {
  stage: Stage | null;
  levels: Levels;
  /** Null until the server has told. */
  air: Air | null;
  /** The queue of raised hands; null for who may not see it. */
  hands: Hands | null;
  /** Null until the server has told. */
  cues: Cues | null;
  /** The backstage chat, oldest line first. */
  chat: ChatLine[];
  /** Events arrived within the last three seconds: what `stage` says is known, not remembered. */
  fresh: boolean;
  /** Whether the person wants to be on stage, and is. */
  voice: "off" | "joining" | "on" | "lost";
  muted: boolean;
  /** Somebody else did it. */
  mutedByOther: boolean;
  /** What stands in the way of the voice: the stage is full, the network lets no sound through. */
  obstacle: Refusal | "no-path" | null;
  end: End | null;
}

const FRESH = 3000; // ms without an arrival after which nothing is known
const STALL = 1500; // ms without an arrival after which the events' connection is replaced: seven levels are missing
const OPENING = 4000; // ms that a new events' connection may take
const QUIET = 12_000; // ms, while not on stage: only the stream's comments need to come then
const NO_PROGRESS = 4000; // ms without a packet or an ICE answer: Chromium checks every 2.5 s
const ALIVE = 1200; // ms: progress this young shows that the voice outlived the events; the server reports every second
const ABSENT = 500; // ms that the events may take to tell of a new session
const SETTLE = 2000; // ms that a new session may take to be heard
const UNHEARD = 700; // ms unheard, after the server's own second, until a new session is made
const DOUBT = 400; // ms without events' connection and without an answer after which nothing is known
const REOPEN = 500; // ms between events' connections that end at once
const LOOK_EVERY = 1000; // ms
const TICK = 250; // ms
const MUTE_GRACE = 1000; // ms in which an event may still tell of the time before our own mute
const FIRST_GAP = 500; // ms between attempts; doubles
const LONGEST_GAP = 8000;

export class Line {
  readonly view = new Store<LineView>({
    stage: null,
    levels: {},
    air: null,
    hands: null,
    cues: null,
    chat: [],
    fresh: false,
    voice: "off",
    muted: false,
    mutedByOther: false,
    obstacle: null,
    end: null,
  });
  /** Told of the tracks of each new session, in the order of the stage's slots. */
  onVoices: (tracks: MediaStreamTrack[]) => void = () => {};

  private track: MediaStreamTrack | null = null;
  private session: Session | null = null;
  private renewing = false;
  private turn = 0; // counts comings and goings: an attempt of an earlier one is void
  private stream: AbortController | null = null;
  private streaming = false; // the present events' connection has brought the state
  private openedAt = 0;
  private arrivedAt = -Infinity;
  private lookedAt = 0;
  private moved = false; // the browser says that the network is another one
  private unheardSince = 0;
  private nextRenewal = 0;
  private gap = FIRST_GAP;
  private muting = 0; // requests under way
  private mutedAt = -Infinity;
  private unmuteOwed = false; // the server has not taken our unmute yet
  private wake: () => void = () => {};
  private timer = 0;

  constructor(
    private readonly room: string,
    private readonly token: string,
  ) {}

  start(): void {
    this.timer = window.setInterval(() => this.tick(), TICK);
    addEventListener("online", this.hint);
    network?.addEventListener("change", this.hint);
    void this.follow();
  }

  /** Ends the line, as if the room had ended. */
  close(): void {
    this.finish({ why: "ended" });
  }

  get me(): Person | undefined {
    const { stage } = this.view.value;
    return stage?.people.find((p) => p.id === stage.you.id);
  }

  /** Reports whether the session's path carries packets, as far as the browser knows. */
  get connected(): boolean {
    return this.session?.state === "connected";
  }

  /** What the browser knows of the way to the stage. */
  async stats(): Promise<RTCStatsReport | null> {
    return (await this.session?.stats()) ?? null;
  }

  goOn(): void {
    this.turn++;
    this.gap = FIRST_GAP;
    this.nextRenewal = 0;
    this.view.set({ voice: "joining", obstacle: null });
    void this.renew();
  }

  leave(): void {
    this.turn++;
    this.session?.leave();
    this.session = null;
    this.onVoices([]);
    this.view.set({ voice: "off", obstacle: null });
  }

  /** Sends another track from now on. */
  send(track: MediaStreamTrack | null): void {
    this.track = track;
    this.session?.send(track);
  }

  async mute(muted: boolean): Promise<void> {
    this.view.set({ muted, mutedByOther: false });
    this.unmuteOwed = !muted;
    await this.tellMuted();
  }

  private async tellMuted(): Promise<void> {
    const { stage, muted } = this.view.value;
    if (!stage || this.muting > 0) return;
    this.muting++;
    try {
      await setMuted(this.room, this.token, stage.you.id, muted);
      if (muted === this.view.value.muted) this.unmuteOwed = false;
    } catch {
      // The next state shows the difference, and reconcile() says it again.
    }
    this.muting--;
    this.mutedAt = performance.now();
    if (muted !== this.view.value.muted) await this.tellMuted();
  }

  // Events in.

  private async follow(): Promise<void> {
    while (!this.view.value.end) {
      const began = performance.now();
      try {
        await this.readStream();
      } catch (e) {
        if (this.isFinal(e)) return this.finish({ why: "refused", refusal: e });
      }
      this.streaming = false;
      if (this.view.value.end) return;
      if (performance.now() - began < REOPEN) await this.pause(REOPEN);
      await this.networkBack();
    }
  }

  private async readStream(): Promise<void> {
    this.stream = new AbortController();
    this.openedAt = performance.now();
    const answer = await openEvents(this.room, this.token, this.stream.signal);
    await readEvents(answer, () => this.arrived(), (e) => this.take(e));
  }

  /** Asks until the server answers, then replaces the voice unless it plainly outlived the events. */
  private async networkBack(): Promise<void> {
    const doubt = setTimeout(() => (this.arrivedAt = -Infinity), DOUBT);
    await reach(this.room, (ms) => this.pause(ms));
    clearTimeout(doubt);
    const alive = this.connected && !this.moved && performance.now() - (this.session?.progressAt ?? 0) < ALIVE;
    this.moved = false;
    if (this.view.value.voice !== "off" && !alive) void this.renew();
  }

  private arrived(): void {
    this.arrivedAt = performance.now();
    this.view.set({ fresh: true });
  }

  private take(e: ServerEvent): void {
    switch (e.name) {
      case "state": {
        const before = this.me;
        this.view.set({ stage: JSON.parse(e.data) });
        this.streaming = true;
        if ((this.view.value.stage?.you.sent_back || this.view.value.stage?.you.consent === "declined") && this.view.value.voice !== "off") this.leave();
        this.reconcile(before);
        return;
      }
      case "levels":
        this.view.set({ levels: JSON.parse(e.data) });
        return;
      case "air":
        this.view.set({ air: JSON.parse(e.data) });
        return;
      case "hands":
        this.view.set({ hands: { ...JSON.parse(e.data), at: performance.now() } });
        return;
      case "cues":
        this.view.set({ cues: { ...JSON.parse(e.data), at: performance.now() } });
        return;
      case "chat": {
        const told: { all?: boolean; lines: ChatLine[] } = JSON.parse(e.data);
        this.view.set({ chat: [...(told.all ? [] : this.view.value.chat), ...told.lines].slice(-CHAT_KEPT) });
        return;
      }
      case "removed":
        return this.finish({ why: "removed" });
      case "ended":
        return this.finish({ why: "ended" });
    }
  }

  /** Brings our mute and the server's together after a restart, a reload, a lost request, or another's hand. */
  private reconcile(before: Person | undefined): void {
    const { me } = this;
    const { muted } = this.view.value;
    if (!me || me.muted === muted || this.muting > 0 || this.view.value.voice !== "on") return;
    const overruled = before?.muted === false && me.muted_by !== undefined; // an event of the time before could not tell this
    if (!overruled && performance.now() - this.mutedAt < MUTE_GRACE) return; // the watch looks again
    if (overruled) this.unmuteOwed = false;
    if (muted || this.unmuteOwed) void this.tellMuted();
    else this.view.set({ muted: true, mutedByOther: me.muted_by !== undefined });
  }

  private finish(end: End): void {
    clearInterval(this.timer);
    removeEventListener("online", this.hint);
    this.leave();
    this.view.set({ end, fresh: false });
    this.stream?.abort();
  }

  // Voice out.

  /** Makes a new session with the same token; the server lets it replace the old one at once. */
  private async renew(): Promise<void> {
    if (this.renewing || this.view.value.voice === "off") return;
    this.renewing = true;
    this.moved = false;
    const { turn } = this;
    const next = new Session(this.room, this.token, this.track, () => this.changed());
    let failure: unknown = null;
    try {
      await next.offer();
      if (turn === this.turn) this.replaceBy(next);
      await next.connected();
    } catch (e) {
      failure = e;
    }
    this.renewing = false;
    if (turn !== this.turn) return next.leave();
    this.nextRenewal = performance.now() + this.gap;
    this.gap = Math.min(this.gap * 2, LONGEST_GAP);
    if (failure) this.failed(next, failure);
    else this.settled(next);
  }

  private replaceBy(next: Session): void {
    this.session?.close();
    this.session = next;
    if (this.view.value.voice === "on") this.view.set({ voice: "lost" });
  }

  private settled(next: Session): void {
    next.send(this.track); // it may be another one by now
    this.unheardSince = 0;
    this.onVoices(next.voices);
    this.view.set({ voice: "on", obstacle: null });
    if (this.view.value.muted) void this.tellMuted();
  }

  private failed(next: Session, e: unknown): void {
    next.close();
    if (this.session === next) this.session = null;
    if (this.isFinal(e)) return this.finish({ why: "refused", refusal: e });
    if (e instanceof Refusal && e.code === "consent_needed") this.leave(); // the page asks
    const obstacle = e instanceof Refusal ? e : e instanceof NoPath ? "no-path" : null;
    // Nobody is promised a place that was never had; whoever had one keeps trying.
    if (this.view.value.voice === "off") return this.view.set({ obstacle });
    const voice = this.connected ? "on" : e instanceof Refusal && this.view.value.voice === "joining" ? "off" : "lost";
    this.view.set({ voice, obstacle });
  }

  private changed(): void {
    const { voice } = this.view.value;
    if (voice === "on" && !this.connected) this.view.set({ voice: "lost" });
    if (voice === "lost" && this.connected && !this.renewing) this.view.set({ voice: "on", obstacle: null });
  }

  // The watch over both.

  private tick(): void {
    const now = performance.now();
    this.view.set({ fresh: now - this.arrivedAt < FRESH });
    const quiet = now - Math.max(this.arrivedAt, this.openedAt);
    const off = this.view.value.voice === "off";
    if (quiet > (!this.streaming ? OPENING : off ? QUIET : STALL)) this.stream?.abort();
    this.reconcile(this.me); // what an event told within the grace after our own mute
    if (off || this.renewing) return;
    if (this.session && now - this.lookedAt >= LOOK_EVERY) {
      this.lookedAt = now;
      void this.session.look();
    }
    // Without events there is no network to try: networkBack() says when.
    if (this.streaming && now >= this.nextRenewal && this.broken(now)) void this.renew();
  }

  private broken(now: number): boolean {
    const { session } = this;
    if (!session || (session.state !== "connected" && session.state !== "connecting")) return true;
    if (now - session.progressAt > NO_PROGRESS) return true;
    const { me } = this;
    if (!me) return now - session.connectedAt > ABSENT; // a server that began anew does not know us
    const heard = !me.away && (me.heard || this.view.value.muted || !this.canSound);
    if (heard) {
      this.unheardSince = 0;
      this.gap = FIRST_GAP;
      return false;
    }
    if (now - session.connectedAt < SETTLE) return false;
    this.unheardSince ||= now;
    return now - this.unheardSince > UNHEARD;
  }

  private get canSound(): boolean {
    return this.track?.readyState === "live" && !this.track.muted;
  }

  private readonly hint = (): void => {
    this.moved = true;
    this.wake();
    this.stream?.abort();
  };

  /** Waits, or less: a sign of a new network ends it. */
  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Reports a refusal that trying again cannot change. A server that starts again may not know its rooms for a moment. */
  private isFinal(e: unknown): e is Refusal {
    if (!(e instanceof Refusal) || e.code === "sent_back" || e.code === "consent_needed") return false;
    return [401, 403, 410].includes(e.status) || (e.status === 404 && this.view.value.stage === null);
  }
}
