// Whoever pulls is seen by no server. A few of those who do, drawn by chance, say now and then that they listen: docs/PROTOCOL.md, "Beacons". No cookie goes with
// it, and nothing that tells one visit from the next.

type Rules = { url: string; one_in: number; every_s: number };

const DRAWS = 2 ** 48;
/** Before anything is known, in s. */
const EVERY = 30;

/** The number by which one is asked, or not. */
function draw(): number {
  return crypto.getRandomValues(new Uint16Array(3)).reduce((all, part) => all * 0x10000 + part, 0);
}

/** Speaks for a page as long as it is there, whenever it listens to what is pulled from the room at `base`. */
export function beacons(base: string, listens: () => boolean): void {
  const drawn = draw();
  const rules = new URL(`${base}/beacon.json`, location.href).href;
  let every = EVERY;
  const speak = async (): Promise<boolean> => {
    if (!listens()) return true;
    const answer = await fetch(rules, { credentials: "omit" });
    if (answer.status === 404) return false; // nobody counts here
    const r = (await answer.json()) as Rules;
    every = Math.max(10, r.every_s) || EVERY;
    if (!(drawn < DRAWS / r.one_in)) return true;
    // Not sendBeacon, which sends cookies.
    await fetch(new URL(r.url, rules), {
      method: "POST", body: String(drawn), mode: "no-cors", credentials: "omit", referrerPolicy: "no-referrer", keepalive: true,
    });
    return true;
  };
  const later = (share: number): void => {
    setTimeout(() => void speak().catch(() => true).then((on) => on && later(0.9 + 0.2 * Math.random())), 1000 * every * share);
  };
  later(Math.random()); // those who come together do not speak together
}
