// Tests of what needs no sound. TestUnits bundles this file and runs each of `tests` in a browser: a throw is a failure.

import { joinAt, parts, ServerClock } from "../before/clock";
import { insideOf } from "../elsewhere/inapp";
import { boxOf } from "../pull/emsg";
import { follow, parse } from "../pull/playlist";
import { Told } from "../pull/told";
import { BoxReader, type Piece } from "./boxes";
import { parseEvent, Timeline, type RoomEvent } from "./events";
import { silence } from "./line";
import { Loudness } from "./loudness";
import { Pace } from "./pace";
import { Places, type EdgesEvent } from "./places";
import { texts } from "./texts";
import { WaitStore } from "./wait";

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

/** A list as it comes, made at that second; `sig` is what the false verifier of these tests takes for right. */
function list(edges: unknown, made = 1, sig = "right"): EdgesEvent {
  return { t: "edges", signed: btoa(JSON.stringify({ v: 1, edges, made, expires: made + 60 })), sig, key: "first" };
}

/** Places of a page that came from `own`, with a verifier that believes "right", and cannot tell of "unknown". */
function places(own: string, chance: () => number = random(7)): Places {
  return new Places(own, async (key, sig) => (sig === "unknown" ? undefined : key === "first" && sig === "right"), chance);
}

async function learnt(p: Places, e: EdgesEvent): Promise<Places> {
  p.learn(e);
  await p.settled;
  return p;
}

/** Where the next attempts go, and whether each is made at once. */
function attempts(p: Places, n: number): [string, boolean][] {
  return Array.from({ length: n }, () => {
    const once = p.fail();
    return [p.at, once];
  });
}

const A = "https://a.example", B = "https://b.example", C = "https://c.example";

/**
 * `stream` is a head, an event at frame 20000005, and frames 20000004…20000011 in two fragments, as pack/fmp4 makes them.
 * `edges` is a list of https://e1.example and https://e2.example, rightly signed.
 */
export const tests: Record<string, (stream: Uint8Array, edges: EdgesEvent) => void | Promise<void>> = {
  whatIsToldIsToldOnce() {
    const told = new Told("");
    const at = (frame: number) => ({ at: frame, e: { t: "speaking", ids: [] } as RoomEvent });
    const answer = (last: number, ...frames: number[]) => ({ last, over: false, events: frames.map(at) });
    const news = (last: number, ...frames: number[]) => told.learn(answer(last, ...frames)).events.map((t) => t.at);
    equal(news(100, 3, 50), [3, 50]);
    equal(news(110, 3, 50, 105), [105]);
    equal(news(105, 3, 50), []); // of an edge, or a cache, that is behind
    equal(news(200, 105, 150), [150]); // what was before is as it was
    equal(news(200, 105, 120, 150), [120]); // and came late
  },
  piecesAreFollowedWithoutAHole() {
    const text = "#EXTM3U\n#EXT-X-VERSION:8\n#EXTINF:1.92,\nseg-7.m4s\n#EXT-X-GAP\n#EXTINF:1.92,\nseg-8.m4s\n" + [9, 10, 11, 12, 13].map((k) => `#EXTINF:1.92,\nseg-${k}.m4s\n`).join("");
    const list = parse(text);
    equal(list, { segments: [7, 9, 10, 11, 12, 13], over: false });
    equal(follow(list, -1), [10, 11, 12, 13]);
    equal(follow(list, 12), [12, 13]);
    equal(follow(list, 14), []);
    equal(parse(`${text}#EXT-X-ENDLIST\n`).over, true);
    equal(parse("#EXTM3U\nseg--1.m4s\nseg-1.m4s.js\n../seg-2.m4s\nseg-99999999999999999999.m4s").segments, []);
    try {
      parse("<!doctype html>");
    } catch {
      return;
    }
    throw new Error("a page is taken for a playlist");
  },
  eventsInPiecesAreReadAsOfTheSound() {
    const event = { t: "seat", depth_ms: 6000, cadence_ms: 3840 };
    equal(read([boxOf(20_000_005, event)]), [{ kind: "message", at: 20_000_005, data: JSON.stringify(event) }]);
  },
  appsAreKnownAndBrowsersAreNone() {
    const phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) ";
    const android = "Mozilla/5.0 (Linux; Android 15; Pixel 9 Build/AP4A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/142.0.0.0 Mobile Safari/537.36";
    for (const [agent, app] of [
      [`${phone}Mobile/22F76 [FBAN/FBIOS;FBAV/512.0.0.40.101]`, "Facebook"],
      [`${phone}Mobile/22F76 Instagram 380.0.0.28.83 (iPhone16,2)`, "Instagram"],
      [`${phone}Mobile/22F76 Twitter for iPhone/11.2`, "X"],
      [`${android} TwitterAndroid`, "X"],
      [`${android} musical_ly_2023708040 BytedanceWebview/d8a21c6`, "TikTok"],
      [`${android} Line/15.1.2/IAB`, "LINE"],
      [android, ""],
      [`${phone}Version/18.5 Mobile/15E148 Safari/604.1`, undefined],
      [android.replace("; wv", ""), undefined],
      ["Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0", undefined],
      [navigator.userAgent, undefined],
    ] as const) equal([insideOf(agent)], [app]);
  },
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
    for (const data of ["", "{}", "null", "7", "{"]) equal(parseEvent(data), undefined);
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
    equal([pace.rate(96.5, 0), pace.rate(96.1, 0)], [0.97, 0.97]);
    equal([pace.far(95.5, 0), pace.far(94.9, 0)], [false, true]);
  },

  // As many seconds as an edge counts on: (9.5 - 4) / 3 %.
  paceGrowsInTheTimeThatTheEdgeCounts() {
    const pace = new Pace();
    let ear = 96, now = 0;
    pace.target = 4;
    pace.arrived(100, 0);
    pace.target = 9.5;
    for (; now < 5.5 / 0.03; now += 0.05) {
      pace.arrived(100 + now, now);
      ear += 0.05 * pace.rate(ear, now);
    }
    if (Math.abs(pace.delay(ear, now) - 9.5) > 0.05) throw new Error(`${pace.delay(ear, now)} s behind`);
  },

  // A fragment is the newest sound when it comes, and then nothing comes for 15.36 s; the opening burst comes in pieces.
  paceIsNotMisledByALongCadence() {
    for (const phase of [0.1, 7, 15.3]) {
      const pace = new Pace();
      pace.target = 17;
      let ear = 1000 - 17, heard = 1000, next = phase;
      for (const [i, end] of [985, 990, 995, 1000].entries()) pace.arrived(end, i * 0.05);
      for (let now = 0.2; now < 600; now += 0.05) {
        if (now >= next) {
          heard = 1000 + now;
          pace.arrived(heard, now);
          next += 15.36;
        }
        const rate = pace.rate(ear, now);
        if (rate < 0.99 && now > 15) throw new Error(`plays at ${rate} after ${now} s`);
        if (pace.far(ear, now)) throw new Error(`jumps after ${now} s`);
        ear += 0.05 * rate;
        if (ear > heard) throw new Error(`dry after ${now} s`);
      }
    }
  },

  silenceIsShorterWhereThereIsAnotherEdge() {
    equal([0, 1, 2, 5].map((n) => silence(false, n)), [1500, 3000, 6000, 12000]);
    equal([0, 1, 2, 5].map((n) => silence(true, n)), [1000, 2000, 4000, 12000]);
  },

  placesWithoutAListAreTheOwnOne() {
    const p = places(A);
    equal([p.others, attempts(p, 3)], [false, [[A, false], [A, false], [A, false]]]);
  },

  async placesAreEachTriedOnceAtOnce() {
    for (let seed = 0; seed < 20; seed++) {
      const p = await learnt(places(A, random(seed)), list([A, B, C]));
      equal(p.others, true);
      const [first, second, third, fourth] = attempts(p, 4);
      equal([[first![0], second![0]].sort(), first![1], second![1]], [[B, C], true, true]);
      equal([third![1], fourth![1], third![0] !== second![0]], [false, false, true]);
      p.flows();
      equal([p.fail(), p.others], [true, true]);
    }
  },

  async placesAreChosenByChance() {
    const first: Record<string, number> = {};
    const chance = random(8);
    for (let i = 0; i < 3000; i++) {
      const p = await learnt(places(A, chance), list([A, B, C]));
      p.fail();
      first[p.at] = (first[p.at] ?? 0) + 1;
    }
    if (Math.abs(first[B]! - 1500) > 150 || Math.abs(first[C]! - 1500) > 150) throw new Error(JSON.stringify(first));
  },

  // An edge that is being emptied is no longer listed, and the page may have come from it.
  async placesThatAreNotListedComeLast() {
    const p = await learnt(places(A), list([B]));
    p.fail();
    equal(attempts(p, 2), [[B, false], [A, false]]);
    const q = await learnt(places(A), list([B, C]));
    q.fail();
    q.flows();
    equal(attempts(q, 2).map(([at, once]) => [at === A, once]), [[false, true], [true, true]]);
  },

  async placesChangeByARightListOnly() {
    const p = await learnt(places(A), list([A, B]));
    for (const e of [
      list([C], 2, "wrong"), list([C], 0), list("nonsense", 2), list(["no address"], 2), { ...list([C], 2), signed: "%" },
      { ...list([C], 2), signed: btoa('{"v":2,"edges":[],"made":9,"expires":10}') },
    ]) {
      await learnt(p, e);
    }
    equal(attempts(p, 1), [[B, true]]);
    await learnt(p, { ...list([C], 2), key: "second" }); // the first key counts, whatever the list says of its key
    equal(attempts(p, 1), [[C, true]]);
  },

  async placesGoOutOfDate() {
    const p = await learnt(places(A), { ...list([]), signed: btoa(JSON.stringify({ v: 1, edges: [B], made: 5, expires: 5 })) });
    equal(attempts(p, 1), [[A, false]]);
  },

  async placesWithoutVerificationAreBelievedFromTheOwnOriginOnly() {
    const p = await learnt(places(A), list([B], 1, "unknown"));
    equal(attempts(p, 1), [[B, true]]);
    await learnt(p, list([C], 2, "unknown"));
    p.flows();
    equal(attempts(p, 1), [[A, true]]);
  },

  async placesKeepToTLS() {
    equal(attempts(await learnt(places(A), list(["http://b.example", "ftp://b.example"])), 1), [[A, false]]);
    equal(attempts(await learnt(places("http://a.example"), list([B + "/"])), 1), [[B, true]]);
  },

  async placesVerifyEd25519(_, edges) {
    const at = async (e: EdgesEvent): Promise<string> => {
      const p = await learnt(new Places(A), e);
      p.fail();
      return p.at;
    };
    equal((await at(edges)).replace(/\d/, "?"), "https://e?.example");
    equal(await at({ ...edges, signed: btoa(atob(edges.signed).replace("e1", "e3")) }), A);
    equal(await at({ ...edges, sig: edges.sig.slice(0, -4) + "AAAA" }), A);
    for (const sig of ["", "%", "AAAA"]) equal(await at({ ...edges, sig }), A);
    for (const key of ["", "%", "AAAA"]) equal(await at({ ...edges, key }), A);
  },

  waitsOutliveThePage() {
    const store = new WaitStore("/r/unit");
    store.forget();
    equal(store.read(), undefined);
    const wait = { why: "full" as const, at: Date.now() + 5000, attempt: 3, inside: 12400 };
    store.keep(wait);
    equal(new WaitStore("/r/unit").read(), wait);
    equal(new WaitStore("/r/other").read(), undefined);
    store.keep({ ...wait, at: Date.now() - 3_600_000 });
    equal(store.read(), undefined);
    store.forget();
  },

  loudnessTellsPausesFromSpeechAtAnyRate() {
    for (const scale of [1, 0.5, 0.25]) {
      const loudness = new Loudness((frame) => scale * (frame % 500 < 400 ? 120 + (frame % 7) * 3 : 60));
      for (let f = 0; f < 20_000; f++) loudness.hear(f);
      equal([loudness.level(20_200) > 0.3, loudness.level(20_450)], [true, 0]);
    }
  },

  theServersTimeIsWithinHalfTheRoundTrip() {
    const chance = random(11);
    for (let i = 0; i < 200; i++) {
      const clock = new ServerClock(), epoch = 1.8e12 + chance() * 1e9; // the server's time when performance.now() was 0
      let best = Infinity, now = 0;
      for (let n = 0; n < 8; n++) {
        const there = chance() * 400, back = chance() * 400; // a way that is slow in one direction only, too
        clock.read({ said: epoch + now + there, asked: now, came: now + there + back });
        best = Math.min(best, there + back);
        now += 1000;
        const wrong = Math.abs(clock.at(now) - (epoch + now));
        if (wrong > (best + 50) / 2 + 1) throw new Error(`wrong by ${wrong} ms, the best round trip took ${best}`);
      }
    }
  },

  whoWaitsJoinsBetweenTheDoorsAndTheStart() {
    const chance = random(12), minute = 60_000;
    for (let i = 0; i < 1000; i++) {
      const doors = chance() * 60 * minute, start = doors + chance() * 60 * minute, now = chance() * 150 * minute;
      const at = joinAt(doors, start, now, chance());
      if (at < Math.max(doors, now) || (at > Math.max(doors, now) && at > start - 5000)) throw new Error(`doors ${doors}, start ${start}, now ${now}: joins at ${at}`);
    }
    equal([joinAt(0, 60 * minute, 0, 0), joinAt(0, 60 * minute, 0, 1), joinAt(0, 4 * minute, 0, 1)], [0, 5 * minute, 2 * minute]);
  },

  whatIsLeftIsNothingOnlyAtTheEnd() {
    equal([1, 1000, 59_001, 3_600_000, 90_061_000, 0, -5].map((ms) => parts(ms).clock), ["00:01", "00:01", "01:00", "1:00:00", "1:01:01", "00:00", "00:00"]);
    equal(parts(90_061_000).days, 1);
  },

  textsCountSeatsNotPeople() {
    equal([texts.en.full("12,400"), texts.en.full()], ["Full: 12,400 inside.", "Every seat is taken."]);
    equal(texts.en.seats(1, "1"), "1 seat taken: yours");
    equal(texts.fr.seats(1200, "1 200"), "1 200 places prises, dont la vôtre");
    equal([texts.en.seconds(1), texts.en.seconds(4)], ["about 1 second behind the stage", "about 4 seconds behind the stage"]);
  },
};
