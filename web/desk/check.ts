// The check of a voice: silence with three chirps, a sentence, and meanwhile a line to the stage that nobody hears. What it measures the server
// judges, with what it counted itself.

import type { Desk } from "./desk";
import { chirps, echoOf, lineOf, noiseFloor, peakLevel, speechLevel } from "./measure";
import { Session } from "./session";
import { Store } from "./store";
import { judge, type Measured } from "./voiceapi";
import type { Verdict } from "./voicetext";

export interface CheckView {
  phase: "idle" | "quiet" | "speak" | "judge" | "done" | "failed";
  verdict: Verdict | null;
}

const QUIET_S = 2.2;
const SPEAK_S = 4;
const BLOCK = 2048;

export class Check {
  readonly view = new Store<CheckView>({ phase: "idle", verdict: null });
  private running = false;

  constructor(private readonly desk: Desk) {}

  /** Call it from a gesture. Audible says whether chirps may be played: on air they would go out. */
  async run(audible: boolean): Promise<void> {
    const track = this.desk.mic.measured;
    if (this.running || !track) return;
    this.running = true;
    this.view.set({ phase: "quiet", verdict: null });
    const onStage = this.desk.line.view.value.voice !== "off";
    const trial = onStage ? null : this.open();
    try {
      const heard = await this.listen(track, audible);
      this.view.set({ phase: "judge" });
      const line = await (onStage ? this.desk.line.stats() : (await trial)?.stats());
      const verdict = await judge(this.desk.room, this.desk.token, rounded({ ...heard, ...(line && lineOf(line.values())) }));
      this.view.set({ phase: "done", verdict });
    } catch {
      this.view.set({ phase: "failed" });
    }
    void trial?.then((s) => s?.leave());
    this.running = false;
  }

  /** A connection that carries the voice to where nobody hears it; null where there is none to be had: the sound is judged all the same. */
  private async open(): Promise<Session | null> {
    const { mic, room, token } = this.desk;
    const session = new Session(room, token, mic.measured, () => {}, "check");
    try {
      await session.offer();
      await session.connected();
      return session;
    } catch {
      session.close();
      return null;
    }
  }

  private async listen(track: MediaStreamTrack, audible: boolean): Promise<Measured> {
    const context = new AudioContext();
    try {
      await context.resume();
      const { rate, quiet, speech, played } = await this.record(context, track, audible);
      const measured: Measured = { level_db: speechLevel(speech, rate), peak_db: peakLevel(speech), floor_db: noiseFloor(quiet, rate) };
      if (audible) measured.echo_db = echoOf(played, quiet, rate);
      return measured;
    } finally {
      void context.close();
    }
  }

  /** One processor plays and records, so that both have one clock. */
  private record(context: AudioContext, track: MediaStreamTrack, audible: boolean) {
    const rate = context.sampleRate;
    const played = audible ? chirps(rate, QUIET_S) : new Float32Array(Math.round(rate * QUIET_S));
    const taken = new Float32Array(Math.round(rate * (QUIET_S + SPEAK_S)));
    const source = context.createMediaStreamSource(new MediaStream([track]));
    // Deprecated, and the only processor that needs no script of its own, which this page's policy lets nobody load.
    const processor = context.createScriptProcessor(BLOCK, 1, 1);
    return new Promise<{ rate: number; quiet: Float32Array; speech: Float32Array; played: Float32Array }>((resolve, reject) => {
      let at = 0;
      const end = () => {
        processor.onaudioprocess = null;
        source.disconnect();
        processor.disconnect();
      };
      track.addEventListener("ended", () => (end(), reject(new Error("the microphone is gone"))), { once: true });
      processor.onaudioprocess = (e) => {
        const input = e.inputBuffer.getChannelData(0);
        const output = e.outputBuffer.getChannelData(0);
        output.set(played.subarray(at, at + output.length));
        taken.set(input.subarray(0, Math.max(0, taken.length - at)), at);
        at += input.length;
        if (at >= played.length && this.view.value.phase === "quiet") this.view.set({ phase: "speak" });
        if (at < taken.length) return;
        end();
        resolve({ rate, quiet: taken.subarray(0, played.length), speech: taken.subarray(played.length), played });
      };
      source.connect(processor);
      processor.connect(context.destination);
    });
  }
}

function rounded(m: Measured): Measured {
  return Object.fromEntries(Object.entries(m).map(([name, x]) => [name, Math.round(x * 1000) / 1000]));
}
