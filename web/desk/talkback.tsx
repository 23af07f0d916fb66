// Speaking into one ear, or into those of everybody on stage: the buttons of who leads, and what who is spoken to reads.

import { useEffect, useRef } from "preact/hooks";
import type { Desk } from "./desk";
import { EVERYBODY } from "./earapi";
import { b } from "./eartext";
import { useStore } from "./store";
import { t } from "./text";

/** A button that is held. Enter keeps it on: not everybody can hold a key. */
export function Talk({ desk, to, name, able }: { desk: Desk; to: string; name: string; able: boolean }) {
  const { state, held } = useStore(desk.back.view);
  const { state: mic } = useStore(desk.mic.view);
  const kept = useRef(false);
  const on = held === to;
  const latest = useRef(on);
  latest.current = on;
  const release = () => {
    kept.current = false;
    if (latest.current) desk.back.hold(null);
  };
  // Whoever goes elsewhere, or whom the button leaves, does not go on speaking unawares.
  useEffect(() => {
    addEventListener("blur", release);
    return () => {
      removeEventListener("blur", release);
      release();
    };
  }, [desk, to]);
  const press = () => desk.back.hold(to);
  const ready = able && state === "on" && mic === "on";
  useEffect(() => {
    if (!ready) release(); // a button that may not be pressed tells of no release
  }, [ready]);
  return (
    <button
      type="button"
      class="talk"
      data-testid={to === EVERYBODY ? "talk-all" : `talk-${to}`}
      disabled={!ready}
      title={state === "on" && mic === "on" ? undefined : b.talkFirst}
      aria-pressed={on}
      aria-label={to === EVERYBODY ? `${b.talkAll}: ${b.talkAllSpoken}` : `${b.talk}: ${b.talkTo(name)}`}
      onPointerDown={(e) => {
        if (e.button !== 0) return;
        e.currentTarget.setPointerCapture(e.pointerId);
        press();
      }}
      onPointerUp={release}
      onPointerCancel={release}
      onContextMenu={(e) => e.preventDefault()} // a long press of a finger is meant to speak
      onKeyDown={(e) => {
        if (e.repeat || (e.key !== " " && e.key !== "Enter")) return;
        e.preventDefault();
        if (e.key === " ") return press();
        if (on) return release();
        kept.current = true;
        press();
      }}
      onKeyUp={(e) => e.key === " " && !kept.current && release()}
      onBlur={release}
    >
      {to === EVERYBODY ? b.talkAll : b.talk}
    </button>
  );
}

/** Whom one speaks to, and who speaks to one. */
export function Ears({ desk }: { desk: Desk }) {
  const { stage } = useStore(desk.line.view);
  const { held } = useStore(desk.back.view);
  if (!stage) return null;
  const called = (id: string) => [...stage.people, ...stage.backstage].find((p) => p.id === id)?.name ?? id;
  return (
    <div role="status" class="ears">
      {stage.ear && <p class="ear" data-testid="ear">{(stage.ear.all ? b.spokenToAll : b.spokenTo)(stage.ear.name, t.role[stage.ear.role])}</p>}
      {held !== null && stage.talk && <p class="ear own" data-testid="talking">{b.reaches(stage.talk.to.map(called))}</p>}
    </div>
  );
}
