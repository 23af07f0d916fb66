// What samples say of a voice: pure, so that tests can say what goes in.

const WINDOW_MS = 50;
const NOTHING_DB = -120;

export const decibel = (power: number): number => (power > 0 ? Math.max(NOTHING_DB, 10 * Math.log10(power)) : NOTHING_DB);

/** The mean power of each 50 ms. */
export function windows(samples: Float32Array, rate: number): number[] {
  const length = Math.max(1, Math.round((rate * WINDOW_MS) / 1000));
  const powers: number[] = [];
  for (let i = 0; i + length <= samples.length; i += length) {
    let sum = 0;
    for (let k = i; k < i + length; k++) sum += samples[k]! ** 2;
    powers.push(sum / length);
  }
  return powers;
}

/** dBFS of speech: the power mean of the louder half, so that pauses do not count. */
export function speechLevel(samples: Float32Array, rate: number): number {
  const sorted = windows(samples, rate).sort((a, b) => b - a);
  const louder = sorted.slice(0, Math.ceil(sorted.length / 2));
  return decibel(louder.reduce((sum, p) => sum + p, 0) / Math.max(1, louder.length));
}

/** dBFS of what is heard while nobody speaks: the tenth percentile, so that a cough does not count. */
export function noiseFloor(samples: Float32Array, rate: number): number {
  const sorted = windows(samples, rate).sort((a, b) => a - b);
  return decibel(sorted[Math.floor(sorted.length / 10)] ?? 0);
}

export function peakLevel(samples: Float32Array): number {
  let peak = 0;
  for (const x of samples) peak = Math.max(peak, Math.abs(x));
  return decibel(peak ** 2);
}

const CHIRP = { from: 500, to: 2500, seconds: 0.15, level: 0.1, at: [0.3, 0.9, 1.5] };
const LONGEST_ECHO = 0.55; // s, less than the time between two chirps
const LOW_RATE = 6000; // Hz, to which both sides are brought before they are compared
const CLEAR = 8; // how far an echo stands out of what is found anywhere

/** Three rising tones and the silence around them. */
export function chirps(rate: number, seconds: number): Float32Array {
  const out = new Float32Array(Math.round(rate * seconds));
  const length = Math.round(rate * CHIRP.seconds);
  for (const at of CHIRP.at) {
    const start = Math.round(at * rate);
    for (let i = 0; i < length && start + i < out.length; i++) {
      const s = i / rate;
      const phase = 2 * Math.PI * (CHIRP.from * s + ((CHIRP.to - CHIRP.from) / (2 * CHIRP.seconds)) * s * s);
      out[start + i] = CHIRP.level * Math.sin(phase) * Math.sin((Math.PI * i) / length) ** 2;
    }
  }
  return out;
}

/** dB by which `played` comes back in `taken`, of its own level; NOTHING_DB where it is not found. Both began at the same time. */
export function echoOf(played: Float32Array, taken: Float32Array, rate: number): number {
  const step = Math.max(1, Math.floor(rate / LOW_RATE));
  const p = lower(played, step);
  const x = lower(taken, step);
  const energy = p.reduce((sum, s) => sum + s * s, 0);
  const lags = Math.min(x.length, Math.round((LONGEST_ECHO * rate) / step));
  if (energy === 0 || lags < 2) return NOTHING_DB;
  const gains = new Float32Array(lags);
  for (let lag = 0; lag < lags; lag++) {
    const most = Math.min(p.length, x.length - lag);
    let sum = 0;
    for (let i = 0; i < most; i++) if (p[i] !== 0) sum += p[i]! * x[i + lag]!;
    gains[lag] = Math.abs(sum / energy);
  }
  const sorted = gains.slice().sort();
  const usual = sorted[Math.floor(lags / 2)]!;
  const found = sorted[lags - 1]!;
  return found > CLEAR * usual && found > 0 ? decibel(found ** 2) : NOTHING_DB;
}

/** Fewer samples: the mean of each `step`. */
function lower(samples: Float32Array, step: number): Float32Array {
  const out = new Float32Array(Math.floor(samples.length / step));
  for (let i = 0; i < out.length; i++) {
    let sum = 0;
    for (let k = 0; k < step; k++) sum += samples[i * step + k]!;
    out[i] = sum / step;
  }
  return out;
}

/** What a connection's statistics say of the way to the stage. */
export function lineOf(stats: Iterable<Record<string, unknown>>): { loss?: number; jitter_ms?: number; rtt_ms?: number } {
  const line: { loss?: number; jitter_ms?: number; rtt_ms?: number } = {};
  let sent = 0;
  let lost: number | undefined;
  const number = (x: unknown): number | undefined => (typeof x === "number" && Number.isFinite(x) && x >= 0 ? x : undefined);
  for (const s of stats) {
    if (s.type === "outbound-rtp") sent += number(s.packetsSent) ?? 0;
    if (s.type === "remote-inbound-rtp") {
      lost = number(s.packetsLost) ?? lost;
      const jitter = number(s.jitter);
      if (jitter !== undefined) line.jitter_ms = jitter * 1000;
    }
    const trip = number(s.type === "remote-inbound-rtp" ? s.roundTripTime : s.type === "candidate-pair" && s.nominated ? s.currentRoundTripTime : undefined);
    if (trip !== undefined) line.rtt_ms = Math.max(line.rtt_ms ?? 0, trip * 1000);
  }
  if (lost !== undefined && sent > 0) line.loss = Math.min(1, lost / sent);
  return line;
}
