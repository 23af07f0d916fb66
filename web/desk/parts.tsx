// Small parts that several views share.

import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { t } from "./text";
import { SILENCE_DB } from "./wire";

const COPIED_FOR = 2000; // ms

/** The name and, above it, rows of the theatre. */
export function Brand() {
  return (
    <a class="brand" href="/desk/">
      <svg viewBox="0 0 32 20" width="32" height="20" aria-hidden="true">
        <path d="M2 19a14 14 0 0 1 28 0M8 19a8 8 0 0 1 16 0" fill="none" stroke="currentColor" stroke-width="2.4" />
        <circle cx="16" cy="18" r="2.6" fill="currentColor" />
      </svg>
      Epidaurus
    </a>
  );
}

/** A part of a page. The first one of a page that has no other heading is its heading. */
export function Panel(p: { title: string; note?: string; class?: string; first?: boolean; children: ComponentChildren }) {
  const id = useId();
  const Heading = p.first ? "h1" : "h2";
  return (
    <section class={`panel ${p.class ?? ""}`} aria-labelledby={id}>
      <header>
        <Heading id={id}>{p.title}</Heading>
        {p.note && <span class="note">{p.note}</span>}
      </header>
      {p.children}
    </section>
  );
}

/** A text to hand on: shown in full, and copied by one press. */
export function CopyText(p: { label: string; text: string; testid: string }) {
  const [said, setSaid] = useState("");
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const timer = setTimeout(() => setSaid(""), COPIED_FOR);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = async () => {
    field.current?.select();
    try {
      await navigator.clipboard.writeText(p.text);
      setSaid(t.copied);
    } catch {
      setSaid(t.copyFailed);
    }
  };
  return (
    <div class="copy">
      <input ref={field} readOnly value={p.text} aria-label={p.label} data-testid={p.testid} onFocus={(e) => e.currentTarget.select()} />
      <button type="button" data-testid={`${p.testid}-copy`} aria-label={`${said === t.copied ? t.copied : t.copy}: ${p.label}`} onClick={copy}>
        {said === t.copied ? t.copied : t.copy}
      </button>
      <span class={said && said !== t.copied ? "hint" : "unseen"} role="status">{said}</span>
    </div>
  );
}

/** A button that asks once, in its place, before it acts. The focus goes to "no", so that a second press by mistake does nothing. */
export function TwoStep(p: { label: string; spoken?: string; ask: string; yes: string; testid: string; act: () => void }) {
  const [asking, setAsking] = useState(false);
  const no = useRef<HTMLButtonElement>(null);
  const first = useRef<HTMLButtonElement>(null);
  const wasAsking = useRef(false);
  useEffect(() => {
    if (asking) no.current?.focus();
    else if (wasAsking.current) first.current?.focus();
    wasAsking.current = asking;
  }, [asking]);
  if (!asking) {
    return (
      <button ref={first} type="button" class="quiet" data-testid={p.testid} data-asks aria-label={p.spoken} onClick={() => setAsking(true)}>
        {p.label}
      </button>
    );
  }
  return (
    <div class="ask" role="group" aria-label={p.ask} onKeyDown={(e) => e.key === "Escape" && setAsking(false)}>
      <span>{p.ask}</span>
      <button
        type="button"
        class="danger"
        data-testid={`${p.testid}-yes`}
        onClick={() => {
          setAsking(false);
          p.act();
        }}
      >
        {p.yes}
      </button>
      <button ref={no} type="button" class="quiet" data-testid={`${p.testid}-no`} onClick={() => setAsking(false)}>
        {t.keep}
      </button>
    </div>
  );
}

const METER_EVERY = 50; // ms

/** A level in dBFS as a bar; a number is drawn as given, a function is asked twenty times a second. */
export function Meter(p: { label: string; level: number | (() => number); testid?: string }) {
  const bar = useRef<HTMLDivElement>(null);
  const { level } = p;
  useEffect(() => {
    const draw = () => {
      const db = Math.min(0, Math.max(SILENCE_DB, typeof level === "number" ? level : level()));
      bar.current?.style.setProperty("--empty", String(db / SILENCE_DB));
      bar.current?.setAttribute("aria-valuenow", String(Math.round(db)));
    };
    draw();
    if (typeof level === "number") return;
    const timer = setInterval(draw, METER_EVERY);
    return () => clearInterval(timer);
  }, [level]);
  return (
    <div
      ref={bar}
      class="meter"
      role="meter"
      aria-label={p.label}
      aria-valuemin={SILENCE_DB}
      aria-valuemax={0}
      data-testid={p.testid}
    />
  );
}

/** One sentence in the middle of an otherwise empty page. */
export function Notice(p: { title: string; text: string; children?: ComponentChildren }) {
  return (
    <div class="single">
      <Brand />
      <Panel title={p.title} first>
        <p>{p.text}</p>
        {p.children}
      </Panel>
    </div>
  );
}
