// Tests of what needs no sound. TestUnits bundles this file and runs each of `tests` in a browser: a throw is a failure.

import { BoxReader, type Piece } from "./boxes";
import { parseEvent, Timeline, type RoomEvent } from "./events";
import { Loudness } from "./loudness";
import { Pace } from "./pace";
import { texts } from "./texts";

function equal(got: unknown, want: unknown): void {
  const [g, w] = [JSON.stringify(got), JSON.stringify(want)];
  if (g !== w) throw new Error(`got ${g}, want ${w}`);
}

/** Numbers that look random and are the same each time (mulberry32). */
function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function read(chunks: Uint8Array[]): unknown[] {
  const boxes = new BoxReader();
  return chunks.flatMap((c) => boxes.push(c)).map((p: Piece) => (p.kind === "message" ? p : { ...p, bytes: [...p.bytes] }));
}

/** `stream` is a head, an event at frame 20000005, and frames 20000004…20000011 in two fragments, as pack/fmp4 makes them. */
export const tests: Record<string, (stream: Uint8Array) => void> = {
  boxesReadWhatTheEdgeWrites(stream) {
    const pieces = new BoxReader().push(stream);
    equal(pieces.map((p) => p.kind), ["head", "message", "fragment", "fragment"]);
    const [, message, first, second] = pieces;
    equal(message, { kind: "message", at: 20000005, data: '{"t":"listening","n":7}' });
    if (first?.kind !== "fragment" || second?.kind !== "fragment") throw new Error("no fragments");
    equal([first.from, first.sizes], [20000004, [11, 12, 13, 14]]);
    equal([second.from, second.sizes], [20000008, [15, 16, 17, 18]]);
  },

  boxesDoNotDependOnHowBytesArrive(stream) {
    const whole = read([stream]);
    equal(read([...stream].map((b) => Uint8Array.of(b))), whole);
    const chance = random(1);
    for (let i = 0; i < 50; i++) {
      const chunks = [];
      for (let at = 0; at < stream.length; ) {
        const to = at + Math.ceil(chance() * 300);
        chunks.push(stream.slice(at, to));
        at = to;
      }
      equal(read(chunks), whole);
    }
  },

  boxesRefuseNonsenseWithAnError(stream) {
    const chance = random(2);
    for (let i = 0; i < 3000; i++) {
      const bad = stream.slice(0, Math.ceil(chance() * stream.length));
      for (let k = 0; k < 4; k++) bad[Math.floor(chance() * bad.length)] = Math.floor(chance() * 256);
      try {
        for (const p of new BoxReader().push(bad)) if (p.kind === "message") parseEvent(p.data);
      } catch (e) {
        if (!(e instanceof Error)) throw e;
      }
    }
  },

  eventsOfUnknownKindAreIgnored() {
    for (const data of ["", "{}", "null", "7", '{"t":"poll"}', '{"t":7}', "{"]) equal(parseEvent(data), undefined);
    equal(parseEvent('{"t":"listening","n":3,"more":1}'), { t: "listening", n: 3, more: 1 });
  },

  timelineShowsInOrderAndOnce() {
    const line = new Timeline();
    const n = (n: number): RoomEvent => ({ t: "listening", n });
    line.add(10, n(1));
    line.add(30, n(3));
    line.add(20, n(2)); // a resumed answer repeats what was true at its first frame
    line.add(20, n(4));
    equal(line.due(9), []);
    equal(line.due(20), [n(1), n(2), n(4)]);
    equal(line.due(20), []);
    equal(line.due(1000), [n(3)]);
  },

  paceHoldsTheDelayForHours() {
    for (const drift of [-1e-4, 0, 1e-4]) {
      const pace = new Pace();
      const chance = random(3);
      pace.target = 0.75;
      let ear = 1e5 - 1.1; // a late start
      let worst = 0;
      for (let now = 0; now < 7200; now += 0.05) {
        // Our clock is off by `drift`; fragments of 0.24 s come up to 80 ms late.
        const made = Math.floor((now * (1 + drift)) / 0.24) * 0.24;
        if (chance() < 0.2) pace.arrived(1e5 + made, now + chance() * 0.08);
        if (now < 1) continue;
        const rate = pace.rate(ear, now);
        if (rate < 0.97 || rate > 1.03) throw new Error(`rate ${rate}`);
        ear += 0.05 * rate;
        if (now > 60) worst = Math.max(worst, Math.abs(pace.delay(ear, now) - 0.75));
      }
      if (worst > 0.15) throw new Error(`off by ${worst} s at a drift of ${drift}`);
    }
  },

  paceKeepsStillWhenNearAndJumpsWhenFar() {
    const pace = new Pace();
    pace.target = 4;
    pace.arrived(100, 0);
    equal(pace.rate(96.02, 0), 1);
    equal(pace.rate(95.5, 0), 1.03);
    equal(pace.rate(95.9, 0), 1.015);
    equal(pace.rate(96.5, 0), 0.97);
    equal([pace.far(95.5, 0), pace.far(94.9, 0)], [false, true]);
  },

  loudnessTellsPausesFromSpeechAtAnyRate() {
    for (const scale of [1, 0.5, 0.25]) {
      const loudness = new Loudness((frame) => scale * (frame % 500 < 400 ? 120 + (frame % 7) * 3 : 60));
      for (let f = 0; f < 20_000; f++) loudness.hear(f);
      equal([loudness.level(20_200) > 0.3, loudness.level(20_450)], [true, 0]);
    }
  },

  textsCountSeatsNotPeople() {
    equal(texts.en.seats(1, "1"), "1 seat taken: yours");
    equal(texts.fr.seats(1200, "1 200"), "1 200 places prises, dont la vôtre");
    equal([texts.en.seconds(1), texts.en.seconds(4)], ["about 1 second behind the stage", "about 4 seconds behind the stage"]);
  },
};
