// What the tests of package pagecheck ask a page, in the page. It is evaluated as one expression, and puts its functions into window.pagecheck.
(() => {
  const OPEN = "\u27e6", CLOSE = "\u27e7"; // around whatever comes from a page's table of words: see pseudo.go

  /** What may be acted on by keyboard. */
  const ACTIONS =
    "a[href], button, input:not([type=hidden]), select, textarea, summary, audio[controls], video[controls], iframe, " +
    "[contenteditable]:not([contenteditable=false]), [tabindex], " +
    ["button", "link", "checkbox", "switch", "tab", "menuitem", "option", "slider", "textbox"].map((r) => `[role=${r}]`).join(", ");

  const seen = (e) => e.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true }) && !e.closest("[inert]");
  const off = (e) => e.matches(":disabled") || e.ariaDisabled === "true";

  const ids = new WeakMap();
  let last = 0;
  const idOf = (e) => ids.get(e) ?? (ids.set(e, ++last), last);

  /** What a person would call it. */
  function nameOf(e) {
    const text = e.ariaLabel || e.labels?.[0]?.innerText || e.innerText || e.title || e.id || e.name || "";
    return `${e.localName}${e.dataset.testid ? `[${e.dataset.testid}]` : ""} "${text.trim().replace(/\s+/g, " ").slice(0, 60)}"`;
  }

  /** All that a page offers just now. Of radio buttons with one name the keyboard stops at one. */
  function actions() {
    const radios = new Set();
    return [...document.querySelectorAll(ACTIONS)].filter((e) => {
      if (!seen(e) || off(e) || e.tabIndex < 0) return false;
      if (e.localName !== "input" || e.type !== "radio") return true;
      const group = `${e.form ? idOf(e.form) : ""} ${e.name}`;
      return !radios.has(group) && radios.add(group);
    });
  }

  /** What reacts to a mouse and can be neither reached nor pressed by a keyboard. */
  function mouseOnly() {
    const clicked = [...(window.pagecheckClicked ?? [])].map((r) => r.deref()).filter((e) => e?.isConnected);
    for (const e of document.querySelectorAll("*")) if (e.onclick) clicked.push(e);
    return clicked.filter((e) => e instanceof HTMLElement && e !== document.body && seen(e) && !e.matches(`${ACTIONS}, label`)).map(nameOf);
  }

  /** Begins before the first element: the next Tab leads to it. */
  function rewind() {
    const { body } = document;
    document.activeElement?.blur();
    body.tabIndex = -1;
    body.focus({ preventScroll: true });
    body.removeAttribute("tabindex");
    scrollTo(0, 0);
  }

  const solid = (colour) => !/^(transparent|rgba\(.*, 0\))$/.test(colour);

  /** Whether it is to be seen where the focus is. */
  function shown(e) {
    const s = getComputedStyle(e);
    const drawn = (s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 1 && solid(s.outlineColor)) || s.boxShadow !== "none";
    const r = e.getBoundingClientRect();
    const inside = r.bottom > 0 && r.right > 0 && r.top < innerHeight && r.left < innerWidth;
    return drawn && inside;
  }

  /** Where the focus is, and what was pressed since this was asked last. id 0: nowhere in the page. */
  function stop() {
    const e = document.activeElement;
    const was = pressed;
    pressed = [];
    if (!e || e === document.body || e === document.documentElement) return { id: 0, name: "", kind: "", shown: true, pressed: was };
    return { id: idOf(e), name: nameOf(e), kind: kindOf(e), shown: e.localName === "iframe" || shown(e), pressed: was };
  }

  function kindOf(e) {
    if (e.localName === "summary") return e.parentElement.open ? "" : "fold";
    if (e.hasAttribute("data-asks")) return "asks";
    if (e.ariaExpanded === "false" || e.hasAttribute("aria-haspopup")) return "fold";
    if (e.localName === "button" || e.matches("input[type=button], input[type=submit], [role=button]")) return "button";
    if (e.matches("a[href]")) return "link";
    return e.matches("input[type=checkbox]") ? "box" : "";
  }

  const list = (all) => all.map((e) => ({ id: idOf(e), name: nameOf(e) }));

  // While a walk tries keys, a press is counted and does nothing, but at what only unfolds.
  let dry = false;
  let pressed = []; // by which keys nothing says: a click is a click
  addEventListener(
    "click",
    (e) => {
      if (!dry || e.target.closest("summary, [data-asks], [aria-expanded], [aria-haspopup], .ask")) return;
      pressed.push(idOf(e.target.closest(ACTIONS) ?? e.target));
      e.preventDefault();
      e.stopImmediatePropagation();
    },
    true,
  );
  addEventListener("submit", (e) => dry && (e.preventDefault(), e.stopImmediatePropagation()), true);

  /** Opens all that unfolds and all that asks before it acts. */
  async function openAll() {
    for (let round = 0; round < 3; round++) {
      const folded = [...document.querySelectorAll("details:not([open]) > summary, button[aria-expanded=false], [data-asks]")].filter((e) => seen(e) && !off(e));
      if (folded.length === 0) break;
      for (const e of folded) e.isConnected && e.click();
      await quiet();
    }
    return true;
  }

  /** Waits until nothing comes any more: what unfolds may be fetched first. What ticks every second is no coming. */
  async function quiet() {
    const count = () => document.querySelectorAll("*").length + performance.getEntriesByType("resource").length;
    for (let before = -1, now = count(); now !== before; now = count()) {
      before = now;
      await new Promise((done) => setTimeout(done, 150));
    }
    return true;
  }

  /** A text without what comes from the table of words. Marks are nested where a sentence is put into another. */
  function outside(text) {
    let depth = 0, left = "";
    for (const c of text) {
      if (c === OPEN) depth++;
      else if (c === CLOSE) depth = Math.max(0, depth - 1);
      else if (depth === 0) left += c;
    }
    return left;
  }

  /** Attributes that are read to people. */
  const READ = ["aria-label", "aria-description", "aria-valuetext", "aria-roledescription", "aria-placeholder", "title", "placeholder", "alt"];

  /** All that a page says in words which are not of its table. Known are names and titles, which are said as they are. */
  async function untranslated(known) {
    const { lang } = document.documentElement;
    const languages = new Intl.DisplayNames([lang || "en"], { type: "language" });
    const isLanguage = (option) => {
      try {
        return languages.of(option.value) === option.text;
      } catch {
        return false; // no tag of a language
      }
    };
    const devices = (await navigator.mediaDevices?.enumerateDevices?.().catch(() => [])) ?? [];
    const said = [...known, ...devices.map((d) => d.label)].filter(Boolean).sort((a, b) => b.length - a.length);
    const bad = new Set();
    const look = (text, where) => {
      let rest = outside(text).replace(/\d\s?s\b/g, " "); // seconds have one sign everywhere
      for (const k of said) rest = rest.replaceAll(k, " ");
      if (/\p{L}/u.test(rest)) bad.add(`${where}: ${text.trim()}`);
    };
    const foreign = (e) => {
      const own = e.closest("[lang]");
      return own && own !== document.documentElement && own.lang !== lang;
    };
    look(document.title, "title of the page");
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let n = texts.nextNode(); n; n = texts.nextNode()) {
      const e = n.parentElement;
      if (!n.data.trim() || e.closest("script, style, noscript, template, code, svg") || foreign(e)) continue;
      if (!seen(e.closest("select") ?? e)) continue;
      if (e.localName === "option" && isLanguage(e)) continue; // the browser knows their names
      if (e.closest("a[href]")?.href === n.data.trim()) continue;
      look(n.data, nameOf(e));
    }
    for (const name of READ) {
      for (const e of document.querySelectorAll(`[${name}]`)) {
        if (seen(e) && !foreign(e)) look(e.getAttribute(name), `${name} of ${nameOf(e)}`);
      }
    }
    return [...bad];
  }

  const clear = (e) => /^(transparent|rgba\(0, 0, 0, 0\))$/.test(getComputedStyle(e).backgroundColor) && getComputedStyle(e).backgroundImage === "none";

  /** What is behind the page. Axe judges no contrast on a gradient, so each of its colours has to do, one after the other. */
  function grounds() {
    const { body } = document;
    if (clear(body)) return [clear(document.documentElement) ? "Canvas" : ""];
    return getComputedStyle(body).backgroundImage.match(/rgba?\([^)]*\)/g) ?? [""];
  }

  /** Runs axe, and says each violation in a line. */
  async function audit() {
    const said = new Set();
    let all = true;
    for (const ground of grounds()) {
      document.body.style.background = ground;
      const found = await axe.run(document, { iframes: false, resultTypes: ["violations"], ...(all ? {} : { runOnly: ["color-contrast"] }) });
      all = false;
      for (const v of found.violations) {
        for (const n of v.nodes) said.add(`${v.id}: ${v.help}: ${n.target.join(" ")} ${n.html.slice(0, 160)} ${(n.failureSummary ?? "").replace(/\s+/g, " ")}`);
      }
    }
    document.body.style.background = "";
    return [...said];
  }

  window.pagecheck = {
    actions: () => list(actions()),
    audit,
    mouseOnly,
    openAll,
    quiet,
    rewind,
    stop,
    try: (on) => {
      dry = on;
      pressed = [];
    },
    untranslated,
  };
  return true;
})()
