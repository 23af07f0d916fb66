// The microphone: asked for, measured, switched, lost and found again.

import { keepPrefs, prefs } from "./prefs";
import { Store } from "./store";
import { SILENCE_DB } from "./wire";

/** Why there is no microphone, as the page explains it. */
export type MicProblem = "insecure" | "denied" | "missing" | "busy" | "unplugged";

/** What the browser may do to the sound before it is sent. */
export interface Processing {
  echoCancellation: boolean;
  noiseSuppression: boolean;
  autoGainControl: boolean;
}

export interface MicView {
  state: "off" | "asking" | "on";
  problem: MicProblem | null;
  devices: { id: string; label: string }[];
  device: string;
  processing: Processing;
  /** The system has silenced the microphone: a phone call, a switch on the headset. */
  silenced: boolean;
  /** Somebody speaks into the microphone, whether or not it is sent. */
  talking: boolean;
}

const TALKING_DB = -38;
const TALKING_AFTER = 250; // ms above the threshold: a cough is not talk
const TALKING_HOLD = 1500; // ms
const NOT_READY = 1000; // ms until a microphone that is back is asked for again
const MEASURE_EVERY = 50; // ms

export class Microphone {
  readonly view: Store<MicView>;
  /** RMS level of the last 43 ms in dBFS, measured on the microphone itself: muting does not lower it. */
  level = SILENCE_DB;
  /** Reads the level; a fixed function, so that a meter may follow it. */
  readonly read = (): number => this.level;
  /** Told of each new track to send; null when there is none. */
  onTrack: (track: MediaStreamTrack | null) => void = () => {};

  private raw: MediaStreamTrack | null = null;
  private sent: MediaStreamTrack | null = null;
  private open = true; // whether the sent track carries sound
  private context: AudioContext | null = null;
  private source: MediaStreamAudioSourceNode | null = null;
  private analyser: AnalyserNode | null = null;
  private readonly samples = new Float32Array(2048);
  private timer = 0;
  private loudSince = 0;
  private talkedAt = -Infinity;
  private attempt = 0;

  constructor(raw: boolean) {
    this.view = new Store<MicView>({
      state: "off",
      problem: window.isSecureContext && navigator.mediaDevices ? null : "insecure",
      devices: [],
      device: prefs().device,
      processing: raw ? { echoCancellation: false, noiseSuppression: false, autoGainControl: false } : prefs().processing,
      silenced: false,
      talking: false,
    });
    navigator.mediaDevices?.addEventListener("devicechange", () => void this.devicesChanged());
  }

  /** The track that the stage receives: a copy, so that muting it leaves the measured one untouched. */
  get track(): MediaStreamTrack | null {
    return this.sent;
  }

  /** The track that is measured: muting leaves it untouched. */
  get measured(): MediaStreamTrack | null {
    return this.raw;
  }

  /** Goes over to another device or processing, as the person chose, and remembers it. */
  async choose(device: string, processing: Processing): Promise<void> {
    keepPrefs({ device, processing });
    await this.start(device, processing);
  }

  /** Reports whether sound can leave this microphone now. */
  get live(): boolean {
    return this.sent?.readyState === "live" && !this.view.value.silenced;
  }

  /** Starts, or goes over to another device or processing; the old one runs until the new one is there. */
  async start(device = this.view.value.device, processing = this.view.value.processing): Promise<void> {
    if (!window.isSecureContext || !navigator.mediaDevices) return;
    const attempt = ++this.attempt;
    if (!this.raw) this.view.set({ state: "asking" });
    let stream: MediaStream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        audio: { ...processing, channelCount: 1, ...(device && { deviceId: { exact: device } }) },
      });
    } catch (e) {
      if (attempt === this.attempt) await this.failed(e, device, processing);
      return;
    }
    const track = stream.getAudioTracks()[0];
    if (attempt !== this.attempt || !track) {
      stream.getTracks().forEach((t) => t.stop());
      return;
    }
    await this.use(track, processing);
  }

  /** Lets sound through, or not. Measuring goes on. */
  pass(open: boolean): void {
    this.open = open;
    if (this.sent) this.sent.enabled = open;
  }

  /** Closes the device: the browser's own sign of recording goes out. */
  stop(): void {
    this.attempt++;
    this.release();
    clearInterval(this.timer);
    this.timer = 0;
    void this.context?.suspend();
    this.level = SILENCE_DB;
    this.view.set({ state: "off", talking: false, silenced: false });
    this.onTrack(null);
  }

  private async failed(e: unknown, device: string, processing: Processing): Promise<void> {
    const name = e instanceof DOMException ? e.name : "";
    // The device of last time may be gone: any other is better than none.
    if (device && (name === "OverconstrainedError" || name === "NotFoundError")) return this.start("", processing);
    if (this.raw?.readyState === "live") return;
    const problem: MicProblem = name === "NotAllowedError" ? "denied" : name === "NotReadableError" ? "busy" : "missing";
    const unplugged = this.view.value.problem === "unplugged";
    this.view.set({ state: "off", problem: unplugged ? "unplugged" : problem });
    // What was just plugged in may not be ready yet, and no event tells when it is.
    const attempt = this.attempt;
    const again = () => void (attempt === this.attempt && this.start(""));
    if (unplugged && problem === "busy") setTimeout(again, NOT_READY);
  }

  private async use(track: MediaStreamTrack, processing: Processing): Promise<void> {
    this.release();
    track.contentHint = "speech";
    this.raw = track;
    this.sent = track.clone();
    this.sent.enabled = this.open;
    track.onended = () => this.lost(track);
    track.onmute = track.onunmute = () => this.view.set({ silenced: track.muted });
    this.measure(track);
    this.onTrack(this.sent);
    this.view.set({
      state: "on",
      problem: null,
      processing,
      silenced: track.muted,
      device: track.getSettings().deviceId ?? "",
      devices: await inputs(),
    });
  }

  private release(): void {
    for (const t of [this.raw, this.sent]) {
      if (!t) continue;
      t.onended = t.onmute = t.onunmute = null;
      t.stop();
    }
    this.source?.disconnect();
    this.raw = this.sent = this.source = null;
  }

  private lost(track: MediaStreamTrack): void {
    if (track !== this.raw) return;
    this.release();
    this.onTrack(null);
    this.level = SILENCE_DB;
    this.view.set({ state: "off", problem: "unplugged", talking: false });
    void this.start("");
  }

  private async devicesChanged(): Promise<void> {
    if (this.view.value.problem === "unplugged") return this.start("");
    if (this.raw) this.view.set({ devices: await inputs() });
  }

  private measure(track: MediaStreamTrack): void {
    this.context ??= new AudioContext();
    void this.context.resume();
    this.analyser ??= new AnalyserNode(this.context, { fftSize: this.samples.length });
    this.source = this.context.createMediaStreamSource(new MediaStream([track]));
    this.source.connect(this.analyser);
    this.timer ||= window.setInterval(() => this.sample(), MEASURE_EVERY);
  }

  private sample(): void {
    if (!this.raw || !this.analyser) return;
    this.analyser.getFloatTimeDomainData(this.samples);
    const power = this.samples.reduce((sum, x) => sum + x * x, 0) / this.samples.length;
    this.level = Math.max(SILENCE_DB, 10 * Math.log10(power + 1e-12));
    const now = performance.now();
    if (this.level < TALKING_DB) this.loudSince = 0;
    else this.loudSince ||= now;
    if (this.loudSince && now - this.loudSince >= TALKING_AFTER) this.talkedAt = now;
    this.view.set({ talking: now - this.talkedAt < TALKING_HOLD });
  }
}

async function inputs(): Promise<{ id: string; label: string }[]> {
  const all = await navigator.mediaDevices.enumerateDevices();
  return all.filter((d) => d.kind === "audioinput" && d.deviceId).map((d) => ({ id: d.deviceId, label: d.label }));
}
