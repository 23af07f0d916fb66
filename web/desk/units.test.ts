// Tests of the desk that need neither sound nor a server. TestDeskUnits bundles this file and runs each of `tests` in a browser: a throw is a failure.

import { behind } from "./behind";
import { deedOf, type Place, placeOf } from "./keys";
import { chirps, echoOf, lineOf, noiseFloor, peakLevel, speechLevel } from "./measure";
import { parsePrefs } from "./prefs";

const RATE = 48_000;

function equal(got: unknown, want: unknown): void {
  const [g, w] = [JSON.stringify(got), JSON.stringify(want)];
  if (g !== w) throw new Error(`got ${g}, want ${w}`);
}

function near(got: number, want: number, by: number): void {
  if (!(Math.abs(got - want) <= by)) throw new Error(`got ${got}, want ${want} within ${by}`);
}

/** Noise that looks random and is the same each time, of this RMS. */
function noise(seconds: number, db: number): Float32Array {
  let seed = 7;
  const gain = 10 ** (db / 20) * Math.sqrt(3);
  return Float32Array.from({ length: Math.round(seconds * RATE) }, () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    return (gain * seed) / 2 ** 31;
  });
}

/** What comes back of `played`: later, quieter, in a room. */
function room(played: Float32Array, delay: number, db: number, floor: number): Float32Array {
  const out = noise(played.length / RATE, floor);
  const from = Math.round(delay * RATE);
  for (let i = from; i < out.length; i++) out[i]! += 10 ** (db / 20) * played[i - from]!;
  return out;
}

export const tests: Record<string, () => void> = {
  behind() {
    const words = { behind: (n: string, error: string, oneIn: string) => `${n} ${error} ${oneIn}`, behindAll: (n: string) => `${n} all` };
    const say = (listeners: number, low: number, high: number, one_in: number) => behind({ listeners, low, high, one_in }, words, "en");
    equal(say(12_416, 11_598, 13_287, 16), "12,400 900 16");
    equal(say(24, 11, 50, 4), "20 30 4");
    equal(say(37, 37, 37, 1), "37 all");
    equal(say(1_024_000, 963_000, 1_089_000, 1024), "1,020,000 70,000 1,024");
  },
  keys() {
    const press = (key: string, more = {}) => ({ key, repeat: false, ctrlKey: false, altKey: false, metaKey: false, ...more });
    const rows: [string, object, Place, string | null][] = [
      ["m", {}, "page", "mute"],
      ["M", {}, "control", "mute"],
      ["m", {}, "field", null],
      ["m", { ctrlKey: true }, "page", null],
      ["m", { metaKey: true }, "page", null],
      ["m", { repeat: true }, "page", null],
      [" ", {}, "page", "talk"],
      [" ", {}, "control", null],
      [" ", {}, "field", null],
      [" ", { repeat: true }, "page", null],
      ["?", {}, "page", "help"],
      ["?", {}, "control", "help"],
      ["?", {}, "field", null],
      ["d", {}, "page", null],
    ];
    for (const [key, more, place, want] of rows) equal([key, more, place, deedOf(press(key, more), place)], [key, more, place, want]);
  },

  places() {
    const at = (html: string) => {
      const box = document.createElement("div");
      box.innerHTML = html;
      return placeOf(box.querySelector("[data-here]"));
    };
    equal(at('<input data-here>'), "field");
    equal(at('<textarea data-here></textarea>'), "field");
    equal(at('<select><option data-here></option></select>'), "field");
    equal(at('<p contenteditable><b data-here></b></p>'), "field");
    equal(at('<input type="checkbox" data-here>'), "control");
    equal(at('<button><i data-here></i></button>'), "control");
    equal(at('<p data-here></p>'), "page");
    equal(placeOf(null), "page");
  },

  levels() {
    const voice = noise(4, -20);
    near(speechLevel(voice, RATE), -20, 0.5);
    near(noiseFloor(noise(2, -60), RATE), -60, 1);
    voice.fill(0, 0, voice.length / 2); // pauses do not count
    near(speechLevel(voice, RATE), -20, 0.5);
    const cough = noise(2, -60);
    cough.set(noise(0.1, -10), RATE);
    near(noiseFloor(cough, RATE), -60, 1);
    near(peakLevel(Float32Array.of(0, -0.5, 0.25)), -6.02, 0.01);
    equal(speechLevel(new Float32Array(RATE), RATE), -120);
    equal(speechLevel(new Float32Array(0), RATE), -120);
    equal(noiseFloor(new Float32Array(0), RATE), -120);
  },

  echo() {
    const played = chirps(RATE, 2.2);
    for (const [delay, db, floor] of [[0.06, -20, -70], [0.3, -35, -60], [0.5, -6, -50], [0.12, -45, -75]] as const) {
      near(echoOf(played, room(played, delay, db, floor), RATE), db, 2);
    }
    // A headset, a loud room without an echo, and silence.
    if (echoOf(played, noise(2.2, -70), RATE) > -60) throw new Error("an echo in silence");
    if (echoOf(played, noise(2.2, -35), RATE) > -40) throw new Error("an echo in noise");
    equal(echoOf(played, new Float32Array(played.length), RATE), -120);
    equal(echoOf(new Float32Array(played.length), noise(2.2, -30), RATE), -120);
  },

  line() {
    const stats = [
      { type: "outbound-rtp", packetsSent: 200 },
      { type: "remote-inbound-rtp", packetsLost: 10, jitter: 0.012, roundTripTime: 0.03 },
      { type: "candidate-pair", nominated: true, currentRoundTripTime: 0.05 },
      { type: "candidate-pair", nominated: false, currentRoundTripTime: 9 },
    ];
    equal(lineOf(stats), { jitter_ms: 12, rtt_ms: 50, loss: 0.05 });
    equal(lineOf([]), {});
    equal(lineOf([{ type: "remote-inbound-rtp", packetsLost: -3, jitter: "x" }]), {}); // more came than was sent, or nonsense
  },

  prefs() {
    const usual = { device: "", processing: { echoCancellation: true, noiseSuppression: true, autoGainControl: true }, pushToTalk: false };
    for (const text of [null, "", "null", "[]", "7", "{", '{"processing":3,"device":[],"pushToTalk":"yes"}']) equal(parsePrefs(text), usual);
    const own = { device: "a1", processing: { echoCancellation: false, noiseSuppression: true, autoGainControl: false }, pushToTalk: true };
    equal(parsePrefs(JSON.stringify(own)), own);
  },
};
