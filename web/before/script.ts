// What the listener's page shows before the beginning. It comes after the page, from its own address, to pages of rooms with an announced
// start that are not live: a countdown, and a tap that arms the sound.

import { joinAt, parts, ServerClock } from "./clock";
import style from "./style.css";
import { texts, type Language } from "./texts";

type Plan = { state: string; start_ms?: number; doors_ms?: number; description?: string; people?: { name: string; about?: string; host?: boolean }[]; closed?: boolean; notice?: string; by_clock?: boolean; delay_ms: number; depth_ms: number; now_ms: number };

/** What the page tells of itself. */
type Page = { state: string; frame: number; delay: number; start?: number };

/** Between two looks at what is announced, in ms, by chance up to twice that; seats are told in band. */
const LOOK = 60_000;

const base = location.pathname.replace(/\/$/, "");
const page = () => (globalThis as unknown as { epidaurus: Page }).epidaurus;
const listen = document.getElementById("listen")!;
const clock = new ServerClock();
let plan: Plan | undefined;
let armed = 0; // when to join, in the server's ms; 0: not armed
let left = Infinity; // to the start at this ear, in ms

const box = document.createElement("section");
box.id = "before";
const [when, count, word, about, calendar] = ["p", "p", "p", "p", "a"].map((tag) => document.createElement(tag)) as HTMLElement[];
const people = document.createElement("ul");
const more = document.createElement("section");
let billed = ""; // what the list of people was made from
const verb = document.createElement("span");

async function look(): Promise<void> {
  const asked = performance.now();
  const answer = await fetch(`${base}/event.json`, { cache: "no-store", credentials: "omit" });
  if (!answer.ok) return;
  const got = (await answer.json()) as Plan;
  clock.read({ said: got.now_ms, asked, came: performance.now() });
  const moved = plan && (plan.start_ms !== got.start_ms || plan.state !== got.state);
  plan = got;
  if (moved && armed) arm();
  show();
}

function lookOn(): void {
  setTimeout(() => {
    if (over()) return;
    void (document.hidden && !armed ? Promise.resolve() : look().catch(() => {})).then(lookOn);
  }, LOOK * (1 + Math.random()));
}

/** Whoever runs the room may have opened them before their time. */
const doors = () => (plan?.state === "announced" ? (plan.doors_ms ?? 0) : 0);
const now = () => clock.at(performance.now());
const start = () => page().start || plan?.start_ms || 0;
/** The ear hears the stage, or nothing will come any more. */
const over = () => ["live", "ended"].includes(document.getElementById("chip")!.dataset.state ?? "") || page().state === "ended" || plan?.state === "live";

function arm(): void {
  armed = joinAt(doors(), start(), now(), Math.random());
  // A tap is what browsers want before they sound; what comes later then needs none.
  (document.getElementById("audio") as HTMLAudioElement).play().catch(() => {});
}

/** A tap before the doors arms the sound, and another one disarms it; after that it is the page's own. */
listen.addEventListener(
  "click",
  (e) => {
    if (!plan || over() || page().state !== "ready" || now() >= doors()) {
      armed = 0;
      return;
    }
    e.stopImmediatePropagation();
    if (armed) {
      armed = 0;
      (document.getElementById("audio") as HTMLAudioElement).pause();
    } else arm();
    show();
  },
  true,
);

function tick(): void {
  if (armed && now() >= armed) {
    armed = 0;
    if (page().state === "ready") listen.click();
  }
  show();
}

function put(e: HTMLElement, text: string): void {
  if (e.textContent !== text) e.textContent = text;
  e.hidden = !text;
}

function show(): void {
  const t = texts[document.documentElement.lang as Language] ?? texts.en;
  const done = !plan || !start() || over();
  // Who comes to closed doors is told so in the words of the room's team, and that the page keeps trying.
  const late = !!plan?.closed && page().state === "full";
  box.hidden = done && !late;
  const closed = late ? `${t.closed} ${plan!.notice ?? ""}` : "";
  if (done) [when, count, calendar, word].forEach((e) => put(e!, e === word ? closed : ""));
  more.hidden = !location.pathname.startsWith(base); // who was taken to another room
  document.body.classList.toggle("waits", !done && page().state === "ready");
  document.body.classList.toggle("armed", armed > 0);
  if (done) return;
  // The start is zero when this ear hears it: by what the page says of its delay, or by what it will be.
  const seated = page().frame > 0;
  left = start() + plan!.delay_ms + (seated ? 1000 * page().delay : plan!.depth_ms) - now();
  const shown = parts(left);
  const zero = left <= 0;
  put(when!, t.when.format(start()));
  put(count!, zero ? "" : shown.days ? `${t.days(shown.days)} ${shown.clock}` : shown.clock);
  put(word!, closed ? closed : zero ? t.soon : armed ? t.armed : page().state !== "ready" ? "" : now() < doors() ? t.tap(t.time.format(plan!.doors_ms)) : t.open);
  put(about!, plan!.description ?? "");
  bill(t.host);
  put(calendar!, t.calendar);
  put(verb, armed ? t.disarm : t.arm);
}

/** Who is announced: hosts, and guests who are expected. */
function bill(host: string): void {
  const now = JSON.stringify([host, plan!.people]);
  if (now === billed) return;
  billed = now;
  const named = plan!.people ?? [];
  people.hidden = !named.length;
  people.replaceChildren(
    ...named.map((p) => {
      const item = document.createElement("li");
      const name = document.createElement("b");
      name.textContent = p.name;
      item.append(name, [p.host ? ` · ${host}` : "", p.about ? ` · ${p.about}` : ""].join(""));
      return item;
    }),
  );
}

function begin(): void {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(style);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  when!.className = "when";
  count!.setAttribute("role", "timer");
  count!.className = "count";
  word!.setAttribute("role", "status");
  about!.className = "about";
  (calendar as HTMLAnchorElement).href = `${base}/event.ics`;
  verb.id = "arm";
  box.append(when!, count!, word!);
  document.getElementById("title")!.after(box);
  more.id = "about";
  people.id = "billed";
  more.append(people, about!, calendar!);
  document.getElementById("retry")!.after(more);
  listen.append(verb);
  box.hidden = true;
  new MutationObserver(show).observe(document.documentElement, { attributeFilter: ["lang"] });
  Object.defineProperty(globalThis, "before", { value: Object.freeze({ get left() { return left; }, get armed() { return armed; } }) });
  // A phone that slept knows nothing of what was announced meanwhile.
  document.addEventListener("visibilitychange", () => void (document.hidden || look().catch(() => {})));
  const first = (): void => void look().catch(() => void setTimeout(first, 2000 + 2000 * Math.random()));
  first();
  lookOn();
  setInterval(tick, 200);
}

begin();
