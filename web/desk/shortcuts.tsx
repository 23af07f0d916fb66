// The keys of the desk, and the list of them.

import { useLayoutEffect, useRef } from "preact/hooks";
import type { Desk } from "./desk";
import { deedOf, holds, placeOf } from "./keys";
import { useStore } from "./store";
import { t } from "./text";
import { v } from "./voicetext";
import { mayDirect } from "./wire";

export function Shortcuts({ desk }: { desk: Desk }) {
  const list = useRef<HTMLDialogElement>(null);
  const { stage } = useStore(desk.line.view);
  useLayoutEffect(() => listen(desk, () => list.current?.showModal()), [desk]);
  const rows: [string, string][] = [
    [v.keySpace, v.keyTalk],
    [v.muteKey, v.keyMute],
    ...(mayDirect(stage?.you.role ?? "") ? [[t.dumpKeys, v.keyDump] as [string, string]] : []),
    ["?", v.keyHelp],
    ["Esc", v.keyClose],
  ];
  return (
    <>
      <button type="button" class="quiet keys" data-testid="keys" aria-keyshortcuts="?" onClick={() => list.current?.showModal()}>{v.keysOpen}</button>
      <dialog ref={list} class="panel" aria-label={v.keys} data-testid="key-list">
        <h2>{v.keys}</h2>
        <dl>
          {rows.map(([key, what]) => (
            <div key={key}>
              <dt><kbd>{key}</kbd></dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
        <form method="dialog"><button type="submit" data-testid="keys-close">{v.close}</button></form>
      </dialog>
    </>
  );
}

/** Follows the keyboard until the returned function is called. */
function listen(desk: Desk, help: () => void): () => void {
  let talking = false;
  const onStage = () => desk.line.view.value.voice !== "off";
  const stop = () => {
    if (!talking) return;
    talking = false;
    desk.mute(true);
  };
  const down = (e: KeyboardEvent) => {
    const place = placeOf(e.target);
    if (document.querySelector("dialog[open]")) return;
    if (onStage() && holds(e, place)) e.preventDefault(); // else the page scrolls
    const deed = deedOf(e, place);
    if (deed === "help") return help();
    if (!deed || !onStage()) return;
    e.preventDefault();
    const { muted } = desk.line.view.value;
    if (deed === "mute") {
      talking = false;
      desk.mute(!muted);
    } else if (muted) {
      talking = true;
      desk.mute(false);
    }
  };
  const up = (e: KeyboardEvent) => {
    if (e.key === " ") stop();
  };
  // Another window gets the end of a press that began here: nobody stays open by that.
  const hidden = () => document.hidden && stop();
  addEventListener("keydown", down);
  addEventListener("keyup", up);
  addEventListener("blur", stop);
  document.addEventListener("visibilitychange", hidden);
  return () => {
    stop();
    removeEventListener("keydown", down);
    removeEventListener("keyup", up);
    removeEventListener("blur", stop);
    document.removeEventListener("visibilitychange", hidden);
  };
}
