// Chapters: one key marks a place while the room is live; title and place may change later.

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Desk } from "./desk";
import { Panel } from "./parts";
import { changeChapter, dropChapter, FRAMES_PER_SECOND, mark, type Chapter } from "./replayapi";
import { r } from "./replaytext";
import { useStore } from "./store";
import { t } from "./text";
import { mayDirect } from "./wire";

export function Chapters({ desk }: { desk: Desk }) {
  const { stage } = useStore(desk.line.view);
  const [said, setSaid] = useState("");
  const live = stage?.room.state === "live";
  const may = live && mayDirect(stage.you.role);
  const press = async () => {
    if (!may) return;
    setSaid("");
    if (await desk.attempt(() => mark(desk.room, desk))) setSaid(r.marked);
  };
  useMarkKey(press);
  if (!stage || !may) return null;
  const all = stage.room.life?.chapters ?? [];
  return (
    <Panel title={r.chapters} note={all.length > 0 ? String(all.length) : ""} class="chapters">
      <div class="row">
        <button type="button" data-testid="mark" aria-keyshortcuts="C" onClick={press}>
          {r.mark} <kbd>{r.markKey}</kbd>
        </button>
        <span class="note" role="status">{said}</span>
      </div>
      <p class="hint">{r.markHint}</p>
      <ChapterList
        chapters={all.toReversed()}
        time={(c) => new Date(Date.now() - ((stage.frame - c.at) / FRAMES_PER_SECOND) * 1000).toLocaleTimeString(t.lang)}
        change={(c, title) => void desk.attempt(() => changeChapter(desk.room, c.id, { title }, desk))}
        drop={(c) => void desk.attempt(() => dropChapter(desk.room, c.id, desk))}
      />
    </Panel>
  );
}

interface ListProps {
  chapters: Chapter[];
  time: (c: Chapter) => string;
  change: (c: Chapter, title: string) => void;
  /** Says that a chapter begins at another time; left out where that cannot be changed. */
  move?: (c: Chapter, time: string) => void;
  drop: (c: Chapter) => void;
}

export function ChapterList(p: ListProps) {
  if (p.chapters.length === 0) return null;
  return (
    <ol class="chapter-list">
      {p.chapters.map((c) => (
        <li key={c.id}>
          {p.move ? (
            <input class="time" defaultValue={p.time(c)} key={c.at} aria-label={r.chapterTime(c.id)} onChange={(e) => p.move!(c, e.currentTarget.value)} />
          ) : (
            <span class="note time">{p.time(c)}</span>
          )}
          <input
            defaultValue={c.title ?? ""}
            maxLength={80}
            placeholder={r.untitled}
            aria-label={r.chapterTitle(c.id)}
            autocomplete="off"
            data-testid={`chapter-${c.id}`}
            onChange={(e) => p.change(c, e.currentTarget.value)}
          />
          <button type="button" class="quiet" aria-label={r.dropOf(c.id)} onClick={() => p.drop(c)}>{r.drop}</button>
        </li>
      ))}
    </ol>
  );
}

/** C marks from anywhere on the page but where one writes or chooses. */
function useMarkKey(press: () => void): void {
  const latest = useRef(press);
  latest.current = press;
  useLayoutEffect(() => {
    const down = (e: KeyboardEvent) => {
      if (e.repeat || e.ctrlKey || e.altKey || e.metaKey || e.shiftKey || e.key.toLowerCase() !== "c") return;
      if (e.target instanceof Element && e.target.closest("input:not([type=checkbox]), textarea, select")) return;
      e.preventDefault();
      latest.current();
    };
    addEventListener("keydown", down);
    return () => removeEventListener("keydown", down);
  }, []);
}
