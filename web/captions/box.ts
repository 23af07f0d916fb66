// The box in which captions are read: the last lines of one language, as large as the reader wants them, and not before he wants them.

import style from "./style.css";
import { texts, type Language, type Texts } from "./texts";

/** A line of what is said, as the sound brings it. docs/PROTOCOL.md, "Events in the sound". */
export type Line = { id: string; lang: string; at: number; text: string; final?: boolean };

/** Lines that are shown of one language. */
const SHOWN = 3;
/** Sizes of letters, in rem. */
const SIZES = [1, 1.3, 1.7, 2.2];
const STORE = "epidaurus.captions";

type Choice = { on: boolean; size: number; lang: string };

export class Box {
  readonly toggle = make("button");
  readonly root = make("section");
  readonly #log = make("div");
  readonly #tools = make("div");
  readonly #smaller = make("button");
  readonly #larger = make("button");
  readonly #languages = make("select");
  readonly #lines = new Map<string, Line[]>();
  #choice = read();

  /** Always: it is shown whatever was chosen, and nobody is asked. */
  constructor(private readonly always = false) {
    dress();
    this.toggle.type = this.#smaller.type = this.#larger.type = "button";
    this.toggle.id = "cc";
    this.root.id = "captions";
    // Read by who goes there, and not called out: a screen reader would speak over the voices.
    this.#log.role = "log";
    this.#log.ariaLive = "off";
    this.#log.tabIndex = 0;
    this.#tools.className = "tools";
    this.#tools.append(this.#smaller, this.#larger, this.#languages);
    this.root.append(this.#log, this.#tools);
    this.toggle.onclick = () => this.#choose({ on: !this.#choice.on });
    this.#smaller.onclick = () => this.#choose({ size: Math.max(0, this.#choice.size - 1) });
    this.#larger.onclick = () => this.#choose({ size: Math.min(SIZES.length - 1, this.#choice.size + 1) });
    this.#languages.onchange = () => this.#choose({ lang: this.#languages.value });
    new MutationObserver(() => this.#render()).observe(document.documentElement, { attributeFilter: ["lang"] });
    this.#render();
  }

  /** Takes note of what is said from now on: a line that is known is replaced, one without text is taken back. */
  show(lines: readonly Line[]): void {
    for (const line of lines) {
      const all = this.#lines.get(line.lang) ?? [];
      this.#lines.set(line.lang, all);
      const i = all.findIndex((l) => l.id === line.id);
      if (i < 0) all.push(line);
      else all[i] = line;
      if (!line.text) all.splice(all.indexOf(line), 1);
      all.splice(0, all.length - SHOWN);
    }
    this.#render();
  }

  /** Shows these lines and no others. */
  exactly(tracks: readonly { lang: string; lines: Line[] }[]): void {
    this.#lines.clear();
    for (const { lang, lines } of tracks) this.#lines.set(lang, lines);
    this.#render();
  }

  #choose(change: Partial<Choice>): void {
    this.#choice = { ...this.#choice, ...change };
    try {
      localStorage.setItem(STORE, JSON.stringify(this.#choice));
    } catch {
      // A page without storage asks again the next time.
    }
    this.#render();
  }

  /** The language that is shown. */
  get language(): string {
    const known = [...this.#lines.keys()];
    const page = document.documentElement.lang;
    return known.find((l) => l === this.#choice.lang) ?? known.find((l) => l.split("-")[0] === page) ?? known[0] ?? "";
  }

  #render(): void {
    const t: Texts = texts[document.documentElement.lang as Language] ?? texts.en;
    const { on, size } = this.#choice;
    put(this.toggle, t.captions);
    this.toggle.ariaPressed = String(on);
    this.root.hidden = !this.always && (!on || this.toggle.hidden);
    this.root.ariaLabel = this.#log.ariaLabel = t.lines;
    this.#log.style.fontSize = `${SIZES[size] ?? SIZES[1]}rem`;
    put(this.#smaller, t.smaller);
    put(this.#larger, t.larger);
    this.#smaller.disabled = size === 0;
    this.#larger.disabled = size === SIZES.length - 1;
    this.#languages.ariaLabel = t.language;
    this.#languages.hidden = this.#lines.size < 2;
    const language = this.language;
    if (this.#languages.options.length !== this.#lines.size) {
      this.#languages.replaceChildren(...[...this.#lines.keys()].map((l) => new Option(nameOf(l), l)));
    }
    this.#languages.value = language;
    this.#log.lang = language;
    const lines = this.#lines.get(language) ?? [];
    while (this.#log.children.length > lines.length) this.#log.firstChild!.remove();
    while (this.#log.children.length < lines.length) this.#log.append(make("p"));
    lines.forEach((line, i) => {
      const p = this.#log.children[i] as HTMLElement;
      put(p, line.text);
      p.dataset.at = String(line.at);
      p.classList.toggle("grows", line.final === false);
    });
  }
}

/** A language by its own name. */
export function nameOf(tag: string): string {
  try {
    return new Intl.DisplayNames([tag], { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}

function read(): Choice {
  const usual = { on: false, size: 1, lang: "" };
  try {
    return { ...usual, ...(JSON.parse(localStorage.getItem(STORE) ?? "{}") as Partial<Choice>) };
  } catch {
    return usual;
  }
}

function make<K extends keyof HTMLElementTagNameMap>(tag: K): HTMLElementTagNameMap[K] {
  return document.createElement(tag);
}

/** Writes only what changes. */
function put(e: Element, text: string): void {
  if (e.textContent !== text) e.textContent = text;
}

function dress(): void {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(style);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}
