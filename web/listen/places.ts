// Where this room's seats are: the page's own origin, and the signed list that comes with the sound. See docs/PROTOCOL.md, "Other edges".

/** The list as an event brings it. `signed` is what counts; the rest is to read by eye. */
export type EdgesEvent = { t: "edges"; signed: string; sig: string; key: string };

type List = { v: number; edges: string[]; made: number; expires: number };

/** Whether the key made this signature; undefined where the browser cannot tell. */
export type Verify = (key: string, sig: string, signed: string) => Promise<boolean | undefined>;

export class Places {
  /** The origin at which a seat is held, or asked for next. */
  at: string;

  key: string | undefined; // the first one seen
  #list: string[] = [];
  #made = 0; // as the list says, s
  #until = 0; // when it is out of date, in ms of performance.now()
  #failed = new Set<string>(); // since sound last flowed
  #round = false; // each has failed once

  /** What was learnt up to now has been verified. */
  settled: Promise<void> = Promise.resolve();

  constructor(private readonly own: string, private readonly verify: Verify = verifyEd25519, private readonly chance = Math.random) {
    this.at = own;
  }

  /** Takes a list, one after the other; what is not rightly signed changes nothing. */
  learn(e: EdgesEvent): void {
    const teacher = this.at;
    this.settled = this.settled.then(() => this.#learn(e, teacher)).catch(() => {});
  }

  async #learn(e: EdgesEvent, teacher: string): Promise<void> {
    this.key ??= e.key;
    // Where nothing can be verified, only the origin that the page itself came from is believed: it could as well have sent another page.
    if (!((await this.verify(this.key, e.sig, e.signed)) ?? teacher === this.own)) return;
    const list = JSON.parse(new TextDecoder().decode(decode(e.signed))) as List;
    if (list.v !== 1 || list.made < this.#made) return;
    this.#list = list.edges.flatMap((edge) => place(edge, this.own));
    this.#made = list.made;
    // The listener's clock may be wrong by years: how long a list holds is counted from when it came.
    this.#until = performance.now() + 1000 * (list.expires - list.made);
  }

  /** Places that have not failed; the page's own where it is not listed, or nothing is, only after all others. */
  #left(): string[] {
    const list = performance.now() < this.#until ? this.#list : [];
    const left = list.filter((o) => !this.#failed.has(o));
    return left.length || this.#failed.has(this.own) ? left : [this.own];
  }

  /** Another place than this one is left. */
  get others(): boolean {
    return !this.#round && this.#left().some((o) => o !== this.at);
  }

  flows(): void {
    this.#failed.clear();
    this.#round = false;
  }

  /** The present place has failed: `at` becomes another one. Tells whether to go there at once, which is so until each has failed once. */
  fail(): boolean {
    this.#failed.add(this.at);
    let left = this.#left();
    if (!left.length) {
      this.#round = true;
      this.#failed.clear();
      left = this.#left();
      const others = left.filter((o) => o !== this.at);
      if (others.length) left = others;
    }
    this.at = left[Math.floor(this.chance() * left.length)]!;
    return !this.#round;
  }
}

/** The origin, if this is one that a page of `own` may ask: a page that came by TLS may not ask one that does not. */
function place(edge: string, own: string): string[] {
  const { protocol, origin } = new URL(edge);
  return protocol === "https:" || (protocol === "http:" && own.startsWith("http:")) ? [origin] : [];
}

/** Base64url. */
function decode(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
}

/** Cannot tell where the page is no secure context, or the browser too old. */
async function verifyEd25519(key: string, sig: string, signed: string): Promise<boolean | undefined> {
  if (!crypto.subtle) return undefined;
  try {
    const imported = await crypto.subtle.importKey("raw", decode(key), "Ed25519", false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", imported, decode(sig), decode(signed));
  } catch (e) {
    return (e as Error).name === "NotSupportedError" ? undefined : false;
  }
}
