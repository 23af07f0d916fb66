// What the listener's page shows at its foot when somebody opens it: how it goes in the room, in facts that were counted. It comes after the page,
// from its own address, and asks only while it is open and seen.

import style from "./style.css";
import { texts, type Language } from "./texts";

type Status = { state: string; seated: number; refused: number; behind_caches?: { listeners: number; low: number; high: number; one_in: number }; delay_ms: number; since_ms?: number; late_ms?: number };

/** Between two looks, in ms, by chance up to half as much again: caches keep an answer for 5 s. */
const LOOK = 10_000;

const details = document.getElementById("elsewhere")!.parentElement as HTMLDetailsElement;
let status: Status | undefined;
let failed = false;
let shown = ""; // what the panel was made from

const make = (tag: string, text: string, ...inside: Node[]): HTMLElement => {
  const e = document.createElement(tag);
  e.textContent = text;
  e.append(...inside);
  return e;
};
const panel = make("div", "");

async function look(): Promise<void> {
  if (!details.open || document.hidden) return;
  try {
    const answer = await fetch(`${location.pathname.replace(/\/$/, "")}/status.json`, { credentials: "omit" });
    if (!answer.ok) throw new Error(String(answer.status));
    status = (await answer.json()) as Status;
    failed = false;
  } catch {
    failed = true;
  }
  show();
}

function show(): void {
  const lang = document.documentElement.lang as Language;
  const made = JSON.stringify([lang, failed, status]);
  if (made === shown) return;
  shown = made;
  const t = texts[lang] ?? texts.en;
  panel.replaceChildren(make("h2", t.going), facts(t));
}

function facts(t: (typeof texts)["en"]): HTMLElement {
  const s = status;
  if (failed || !s) return make("p", failed ? t.unknown : "");
  const list = document.createElement("dl");
  const row = (name: string, value: string, hint = "") => list.append(make("dt", name), make("dd", value, ...(hint ? [make("small", hint)] : [])));
  const number = (n: number) => n.toLocaleString(document.documentElement.lang);
  row(t.state, t.states[s.state] ?? s.state);
  if (s.since_ms) {
    const late = s.late_ms === undefined ? "" : (s.late_ms < 0 ? t.early : t.began)((Math.abs(s.late_ms) / 1000).toFixed(1));
    row(t.since, t.time(s.since_ms), late);
  }
  if (s.state === "live" || s.state === "doors") {
    row(t.seated, number(s.seated));
    const b = s.behind_caches;
    if (b) row(t.behind, b.one_in === 1 ? number(b.listeners) : t.about(number(b.listeners)), b.one_in === 1 ? "" : t.between(number(b.low), number(b.high), number(b.one_in)));
    row(t.refused, number(s.refused), t.refusedHint);
    row(t.delay, t.delayOf(number(Math.round(s.delay_ms / 1000))));
  }
  return list;
}

function lookOn(): void {
  setTimeout(() => void look().then(lookOn), LOOK * (1 + Math.random() / 2));
}

const sheet = new CSSStyleSheet();
sheet.replaceSync(style);
document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
panel.id = "going";
details.querySelector("summary")!.after(panel);
details.addEventListener("toggle", () => void look());
// The page changes its language without telling anybody.
new MutationObserver(show).observe(document.documentElement, { attributes: true, attributeFilter: ["lang"] });
show();
void look();
lookOn();
