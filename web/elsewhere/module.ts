// "Listen elsewhere": the addresses for players, radios and other pages, and a code to be photographed. It comes when somebody opens it, and by itself where the
// page is shown inside another app.

import style from "./style.css";
import { texts, type Language, type Texts } from "./texts";
import { insideOf } from "./inapp";

type Row = { name: (t: Texts) => string; file: string };

const ROWS: Row[] = [
  { name: (t) => t.ogg, file: "/live.ogg" },
  { name: (t) => t.aac, file: "/live.aac" },
  { name: (t) => t.hls, file: "/hls/master.m3u8" },
  { name: (t) => t.m3u, file: "/listen.m3u" },
  { name: (t) => t.pls, file: "/listen.pls" },
];

const words = (): Texts => texts[document.documentElement.lang as Language] ?? texts.en;

function make<K extends keyof HTMLElementTagNameMap>(tag: K, text = "", name = ""): HTMLElementTagNameMap[K] {
  const e = document.createElement(tag);
  e.textContent = text;
  if (name) e.className = name;
  return e;
}

let dressed = false;
function dress(): void {
  if (dressed) return;
  dressed = true;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(style);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}

/** Says it anew whenever another language is chosen. */
function inEachLanguage(say: () => void): void {
  dress();
  say();
  new MutationObserver(say).observe(document.documentElement, { attributeFilter: ["lang"] });
}

function copying(text: string, t: Texts): HTMLButtonElement {
  const button = make("button", t.copy, "copy");
  button.type = "button";
  button.onclick = () => {
    const selected = () => {
      const range = document.createRange();
      range.selectNodeContents(button.previousElementSibling!);
      getSelection()?.removeAllRanges();
      getSelection()?.addRange(range);
    };
    // Without a secure context there is no clipboard: then the address is selected, to be copied by hand.
    if (!navigator.clipboard) return selected();
    navigator.clipboard.writeText(text).then(() => (button.textContent = t.copied), selected);
  };
  return button;
}

/** The way to a clip of what was just said, in a tab of its own: the sound goes on here. It is there while the room is live and its tape gives clips. */
function clipping(panel: HTMLElement, base: string): void {
  const [, room, seat] = /^(\/r\/[^/]+)(?:\/seat\/(.*))?$/.exec(base)!;
  const row = panel.appendChild(make("p")), link = row.appendChild(make("a", "", "clip"));
  const chip = document.getElementById("chip")!, tape = document.getElementById("tape")!;
  link.target = "_blank";
  link.rel = "noopener";
  row.hidden = true;
  let taped = false;
  const look = async (anew: boolean): Promise<void> => {
    const was = taped;
    taped = !tape.hidden && !chip.hidden && chip.dataset.state === "live";
    if (!taped) row.hidden = true;
    else if (anew || !was) row.hidden = !(await gives(base)) || !taped;
  };
  inEachLanguage(() => {
    link.textContent = words().clip;
    // Another tab does not know this one's invitation, and what is behind the # no server is told.
    link.href = `${room}/tape/?lang=${document.documentElement.lang}#${seat ? `seat=${seat}&` : ""}back&clip`;
  });
  const watch = new MutationObserver(() => void look(false));
  watch.observe(chip, { attributeFilter: ["data-state", "hidden"] });
  watch.observe(tape, { attributeFilter: ["hidden"] });
  panel.addEventListener("toggle", () => void look(true));
  void look(true);
}

/** Whether clips may be made of the room's tape, as it says itself. */
async function gives(base: string): Promise<boolean> {
  try {
    const answer = await fetch(`${base}/tape/index.json`, { credentials: "omit" });
    const index = answer.ok ? ((await answer.json()) as { clips?: boolean; hls?: boolean }) : {};
    return !!index.clips && !index.hls;
  } catch {
    return false;
  }
}

/** Fills the panel of a room whose address is `base`, which also tells how it goes there. */
export function fill(panel: HTMLElement, base: string): void {
  void import(`${base}/more.js`);
  clipping(panel, base);
  const box = panel.appendChild(make("div", "", "elsewhere"));
  const room = location.origin + base;
  inEachLanguage(() => {
    const t = words();
    const code = make("figure");
    const picture = make("img");
    picture.src = `${base}/qr.svg`;
    picture.alt = t.code;
    picture.width = picture.height = 168;
    code.append(picture, make("figcaption", t.photograph));
    const list = make("dl");
    for (const row of ROWS) {
      const address = make("dd"), link = make("a", room + row.file);
      link.href = room + row.file;
      address.append(link, copying(room + row.file, t));
      list.append(make("dt", row.name(t)), address);
    }
    const frame = `<iframe src="${room}/embed" width="480" height="140" style="border:0" allow="autoplay" sandbox="allow-scripts allow-same-origin allow-popups"></iframe>`;
    const address = make("dd");
    const invited = base.includes("/seat/"); // a room by invitation is shown in no page of others
    address.append(make("code", frame), copying(frame, t));
    if (!invited) list.append(make("dt", t.embed), address);
    box.replaceChildren(make("p", t.players), code, list);
  });
}

/** Says at the top of the page what does not work inside an app, if this is one. */
export function warn(_panel: HTMLElement, _base: string): void {
  const app = insideOf(navigator.userAgent);
  if (!app) return;
  const box = make("aside", "", "inapp");
  box.setAttribute("role", "note");
  document.querySelector("main")!.prepend(box);
  inEachLanguage(() => {
    const t = words();
    const address = make("p"), link = make("span", location.href); // with the invitation behind its #: it is for the same person
    address.append(link, copying(link.textContent!, t));
    const close = make("button", t.stay, "copy");
    close.type = "button";
    close.onclick = () => box.remove();
    box.replaceChildren(make("b", t.open), make("p", t.inside(app)), address, close);
  });
}
