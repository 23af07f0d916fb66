// Hears a room with the delay of a call, by WebRTC (WHEP), where the room has places for that; and goes over to the usual sound by itself where it has
// none left, where the network does not carry it, or when the line is lost. It does not come back by itself: a delay that jumps to and fro helps nobody.
// The page imports this in rooms that have such places.

import { FRAMES_PER_SECOND } from "../listen/boxes";
import { parseEvent, Timeline, type RoomEvent } from "../listen/events";
import type { Ear, Phase, Player } from "../listen/player";
import { texts, type Why } from "./texts";

/** How long the first sound may take, from the tap, in ms. Who cannot be reached by UDP hears nothing for so long. */
const FIRST = 2500;
/** Without a new packet for so long the line counts as lost, in ms: 50 come in a second, and a player conceals a tenth of one. */
const SILENCE = 1000;
/** Of these looks at least, so that a page that stood still does not take that for silence. */
const LOOKS = 4;
const TICK = 50; // ms
/** Between two looks at what the connection says of itself, in ms. */
const STATS = 1000;
/** Where the room is not open yet and does not say when, in ms. */
const AGAIN = 3000;
/** Samples of a frame, and bytes that carry a packet: UDP and IPv4. The rest the browser counts. */
const SAMPLES = 960, CARRIER = 28;
/** What an hour is in bytes before anything is known: opus-48 in packets of 20 ms, with RTP, SRTP, UDP and IPv4. */
const USUAL_HOUR = 32e6;
/** Levels of the last minute, as sizes of packets would be: what the theatre draws. */
const LEVELS = 1 << 12;

/** What a receiver says of the packet at the ear; Chromium, Firefox and Safari say it. */
type Source = { timestamp: number; rtpTimestamp?: number; audioLevel?: number };

export class Call implements Ear {
  private readonly audio = document.getElementById("audio") as HTMLAudioElement;
  #phase: Phase | undefined; // undefined: the player is the ear
  #retryAt = 0;
  #begun = false;
  #gaps = 0;
  #dead = false; // a line was lost: it is not tried again
  #why: Why | undefined;
  #pc: RTCPeerConnection | undefined;
  #session = ""; // its address
  #timer = 0; // of the first sound, or of the next try
  #attempt = 0; // counts lines, so that what belongs to an earlier one does nothing
  #timeline = new Timeline();
  #ended = false; // it was said that the room ended
  #from: number | undefined; // a frame of this room, by which RTP's 32 bits are told from later ones
  #levels = new Float32Array(LEVELS);
  #at = 0; // the frame at the ear
  #stamp = 0; // of the last packet
  #came = 0; // when that was seen, as performance.now()
  #looks = 0; // since
  #delay = 0;
  #stats = { at: 0, delayed: 0, emitted: 0 };
  #hourly = USUAL_HOUR;
  readonly #note = document.createElement("p");

  constructor(
    private readonly player: Player,
    private readonly show: (e: RoomEvent) => void,
    private readonly changed: () => void,
  ) {
    this.#note.id = "later";
    this.#note.setAttribute("role", "status");
    document.getElementById("status")!.after(this.#note);
    new MutationObserver(() => this.#say()).observe(document.documentElement, { attributeFilter: ["lang"] });
    setInterval(() => this.#tick(), TICK);
    addEventListener("pagehide", () => this.#close());
    setTimeout(() => player.restore()); // a wait that the page was in before it was loaded again goes on the usual way
  }

  get phase(): Phase {
    return this.#phase ?? this.player.phase;
  }

  get seated(): boolean {
    return this.#phase ? this.#phase !== "ended" && this.#phase !== "ready" : this.player.seated;
  }

  get begun(): boolean {
    return this.#phase ? this.#begun : this.player.begun;
  }

  get behind(): boolean {
    return !this.#phase && this.player.behind;
  }

  get retryAt(): number {
    return this.#phase ? this.#retryAt : this.player.retryAt;
  }

  get inside(): number | undefined {
    return this.#phase ? undefined : this.player.inside;
  }

  get frame(): number {
    return this.#phase ? this.#at : this.player.frame;
  }

  get delay(): number {
    return this.#phase ? this.#delay : this.player.delay;
  }

  get gaps(): number {
    return this.#gaps + this.player.gaps;
  }

  get reconnects(): number {
    return this.player.reconnects;
  }

  get hourly(): number {
    return this.#phase ? this.#hourly : this.player.hourly;
  }

  /** A packet's size says how loud it is; here it is made of what the receiver says of that. */
  size(frame: number): number {
    return this.#phase ? 40 + 80 * Math.min(1, 4 * this.#levels[frame & (LEVELS - 1)]!) : this.player.size(frame);
  }

  play(): void {
    if (this.#phase && this.seated) this.#sounds();
    else if (this.#dead || this.player.seated) this.player.play();
    else this.#open();
    this.changed();
  }

  /** What is live has no pause: the place is given up, and asked for again. */
  pause(): void {
    if (this.#phase) this.leave();
    else this.player.pause();
  }

  leave(): void {
    if (!this.#phase) return this.player.leave();
    this.#phase = "ready";
    this.audio.pause();
    this.#close();
    this.changed();
  }

  live(): void {
    if (this.#phase) this.play();
    else this.player.live();
  }

  get line(): Player["line"] {
    return this.player.line;
  }

  /** Goes over to the usual sound, if that is not so yet, for those who go on from there. */
  usual(): Player {
    if (this.#phase) this.#fall();
    return this.player;
  }

  #sounds(): void {
    this.audio.play().catch(() => this.changed());
  }

  #open(): void {
    this.#close();
    this.#phase = "joining";
    this.#begun = false;
    this.#ended = false;
    this.#why = undefined;
    this.#say();
    this.#timeline.clear();
    const attempt = ++this.#attempt;
    const stream = new MediaStream();
    this.audio.srcObject = stream; // within the tap, which is what browsers want before they sound
    this.#sounds();
    this.#timer = setTimeout(() => this.#fall("full"), FIRST);
    this.#connect(stream, attempt).catch(() => attempt === this.#attempt && this.#fall("full"));
  }

  async #connect(stream: MediaStream, attempt: number): Promise<void> {
    const pc = (this.#pc = new RTCPeerConnection());
    pc.addTransceiver("audio", { direction: "recvonly" });
    pc.ontrack = (e) => stream.addTrack(e.track);
    pc.createDataChannel("events", { negotiated: true, id: 0 }).onmessage = (e) => this.#hear(String(e.data));
    pc.onconnectionstatechange = () => {
      if (attempt === this.#attempt && pc.connectionState === "failed") this.#lost();
    };
    await pc.setLocalDescription();
    const answer = await fetch(this.player.line.path.replace(/\/live\.mp4.*/, "/whep"), {
      method: "POST",
      headers: { "Content-Type": "application/sdp" },
      body: pc.localDescription!.sdp, // without candidates: the server needs none
      signal: AbortSignal.timeout(FIRST),
      cache: "no-store",
      credentials: "omit",
    });
    if (!answer.ok) return this.#refused(answer, attempt);
    const session = new URL(answer.headers.get("Location")!, answer.url).href;
    const sdp = await answer.text();
    if (attempt !== this.#attempt) return end(session);
    this.#session = session;
    await pc.setRemoteDescription({ type: "answer", sdp });
  }

  /** A room that is not open yet is waited for; all else the usual sound knows better. */
  async #refused(answer: Response, attempt: number): Promise<void> {
    const problem = (await answer.json().catch(() => ({}))) as { code?: string; retry_after_ms?: number };
    if (attempt !== this.#attempt) return;
    if (problem.code !== "room_not_open") return this.#fall(problem.code === "full" || problem.code === "busy" ? "full" : undefined);
    const wait = problem.retry_after_ms ?? AGAIN;
    this.#close();
    this.#phase = "early";
    this.#retryAt = Date.now() + wait;
    this.#timer = setTimeout(() => this.#open(), wait);
    this.changed();
  }

  /** An event as the data channel brings it. */
  #hear(text: string): void {
    const { at, e } = JSON.parse(text) as { at: number; e: unknown };
    const event = parseEvent(JSON.stringify(e));
    if (!event) return;
    if (at > 0) this.#from ??= at;
    if (event.t === "edges") this.player.line.places.learn(event);
    if (event.t === "room") this.#ended = event.state === "ended";
    this.#timeline.add(at, event);
  }

  #tick(): void {
    if (!this.#pc || !this.#phase) return;
    const now = performance.now();
    const [source] = (this.#pc.getReceivers()[0]?.getSynchronizationSources() ?? []) as Source[];
    this.#looks++;
    if (source && source.timestamp !== this.#stamp) this.#packet(source, now);
    else if (this.#begun && now > this.#came + SILENCE && this.#looks > LOOKS) return this.#lost();
    if (!this.#begun) return;
    if (now > this.#stats.at + STATS) void this.#measure(this.#pc, now);
    const due = this.#timeline.due(source?.rtpTimestamp === undefined ? Infinity : this.#at);
    due.forEach(this.show);
    if (due.length) this.changed();
  }

  #packet(source: Source, now: number): void {
    this.#stamp = source.timestamp;
    this.#came = now;
    this.#looks = 0;
    if (!this.#begun) {
      clearTimeout(this.#timer);
      this.#begun = true;
      this.#phase = "listening";
      this.changed();
    }
    if (source.rtpTimestamp === undefined || this.#from === undefined) return;
    const before = this.#at;
    this.#at = this.#from + Math.floor(((source.rtpTimestamp - ((this.#from * SAMPLES) % 2 ** 32)) | 0) / SAMPLES);
    for (let n = Math.max(before + 1, this.#at - FRAMES_PER_SECOND); n <= this.#at; n++) this.#levels[n & (LEVELS - 1)] = source.audioLevel ?? 0;
  }

  /** How far the ear is behind the stage: half the way there and back, and what the player keeps against an uneven network. */
  async #measure(pc: RTCPeerConnection, now: number): Promise<void> {
    this.#stats.at = now;
    let way = 0;
    for (const s of (await pc.getStats()).values()) {
      if (s.type === "candidate-pair" && s.nominated) way = (s.currentRoundTripTime ?? 0) / 2;
      if (s.type !== "inbound-rtp") continue;
      const { jitterBufferDelay: delayed = 0, jitterBufferEmittedCount: emitted = 0, packetsReceived: packets = 0 } = s;
      if (emitted > this.#stats.emitted) this.#delay = (delayed - this.#stats.delayed) / (emitted - this.#stats.emitted);
      this.#stats = { at: now, delayed, emitted };
      if (packets) this.#hourly = (3600 * FRAMES_PER_SECOND * (s.bytesReceived + s.headerBytesReceived + CARRIER * packets)) / packets;
    }
    this.#delay += way;
  }

  #lost(): void {
    if (this.#ended) return this.#over();
    this.#dead = true;
    this.#gaps++;
    this.#fall("lost");
  }

  #over(): void {
    this.#phase = "ended";
    this.audio.pause();
    this.#close();
    for (const e of this.#timeline.due(Infinity)) this.show(e);
    this.changed();
  }

  /** From here on the player is the ear. */
  #fall(why?: Why): void {
    this.#close();
    this.#phase = undefined;
    this.#why = why;
    this.#say();
    this.player.anew(); // a source of its own takes the element
    this.player.play();
    this.changed();
  }

  #close(): void {
    this.#attempt++;
    clearTimeout(this.#timer);
    this.#pc?.close();
    this.#pc = undefined;
    this.#stats = { at: 0, delayed: 0, emitted: 0 };
    if (this.#session) end(this.#session);
    this.#session = "";
    this.audio.srcObject = null;
  }

  #say(): void {
    const words = this.#why ? texts[document.documentElement.lang === "fr" ? "fr" : "en"][this.#why] : "";
    if (this.#note.textContent !== words) this.#note.textContent = words;
    this.#note.hidden = !words;
  }
}

/** Gives a place back, also while the page goes. */
function end(session: string): void {
  fetch(session, { method: "DELETE", keepalive: true, credentials: "omit" }).catch(() => {}); // it is freed by time, too
}

/** An ear that tries a call first. */
export const over = (...of: ConstructorParameters<typeof Call>): Ear => new Call(...of);
