// Cues: short messages to people on stage, sent by who leads, shown large, acknowledged by one key.

import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import type { Desk } from "./desk";
import { EVERYBODY, sendCue, takeCue } from "./earapi";
import { b } from "./eartext";
import { Panel } from "./parts";
import { useStore } from "./store";
import { CUES, type CueWords } from "./wire";

const words = (c: CueWords): string => (c.cue ? (b.cue[c.cue] ?? c.cue) : (c.text ?? ""));

/** The newest cue for this person, as large as the page. O acknowledges it. */
export function CueShown({ desk }: { desk: Desk }) {
  const { cues } = useStore(desk.line.view);
  const [, again] = useState(0);
  const alive = (cues?.shown ?? []).filter((c) => cues && performance.now() - cues.at < c.left_ms);
  const next = alive.length > 0 && cues ? Math.min(...alive.map((c) => cues.at + c.left_ms - performance.now())) : 0;
  useEffect(() => {
    if (next <= 0) return;
    const timer = setTimeout(() => again((n) => n + 1), next + 50); // it expires here too, server or no server
    return () => clearTimeout(timer);
  }, [next]);
  const [first] = alive;
  const take = () => first && void desk.attempt(() => takeCue(desk.room, desk.token, first.id));
  useLayoutEffect(() => { // the key is taken as soon as it can be read
    if (!first) return;
    const press = (e: KeyboardEvent) => {
      if (e.repeat || e.ctrlKey || e.altKey || e.metaKey || e.key.toLowerCase() !== "o" || !(e.target instanceof Element)) return;
      if (e.target.closest("input:not([type=checkbox]), select, textarea")) return;
      e.preventDefault();
      void take();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [first?.id]);
  return (
    <div role="alert">
      {first && (
        <section class="cue" data-testid="cue" data-cue={first.cue ?? ""}>
          <div>
            <p class="cue-words">{words(first)}</p>
            <p class="note">
              {b.cueFrom(first.from)}
              {alive.length > 1 && ` · ${b.cueMore(alive.length - 1)}`}
            </p>
          </div>
          <button type="button" class="main" data-testid="cue-take" aria-label={b.cueTakeSpoken} aria-keyshortcuts="O" onClick={() => void take()}>
            <span>{b.cueTake}</span>
            <kbd>O</kbd>
          </button>
        </section>
      )}
    </div>
  );
}

/** Sends cues, and shows what became of those that were sent. */
export function Cues({ desk }: { desk: Desk }) {
  const { stage, cues } = useStore(desk.line.view);
  const [chosen, setTo] = useState(EVERYBODY);
  const [text, setText] = useState("");
  if (!stage) return null;
  const people = [...stage.people, ...stage.backstage].filter((p) => p.id !== stage.you.id);
  const to = people.some((p) => p.id === chosen) ? chosen : EVERYBODY;
  const send = (what: Parameters<typeof sendCue>[3]) => desk.attempt(() => sendCue(desk.room, desk.token, to, what));
  return (
    <Panel title={b.cues} class="cues">
      <label class="field">
        <span>{b.cueTo}</span>
        <select data-testid="cue-to" value={to} onChange={(e) => setTo(e.currentTarget.value)}>
          <option value={EVERYBODY}>{b.cueAll}</option>
          {people.map((p) => <option key={p.id} value={p.id}>{p.name}</option>)}
        </select>
      </label>
      <div class="row">
        {CUES.map((c) => (
          <button key={c} type="button" data-testid={`cue-${c}`} onClick={() => void send({ cue: c })}>{b.cue[c]}</button>
        ))}
      </div>
      <form
        class="one-line"
        onSubmit={(e) => {
          e.preventDefault();
          void send({ text }).then((done) => done && setText(""));
        }}
      >
        <label class="field">
          <span>{b.cueOwn}</span>
          <input required maxLength={140} autocomplete="off" value={text} data-testid="cue-text" onInput={(e) => setText(e.currentTarget.value)} />
        </label>
        <button type="submit" data-testid="cue-send">{b.cueSend}</button>
      </form>
      <ul class="cues-sent" aria-live="polite">
        {(cues?.sent ?? []).slice(0, 5).map((c) => (
          <li key={c.id} data-testid="cue-sent">
            <strong>{words(c)}</strong>
            <ul>
              {c.to.map((one) => <li key={one.id} class="note" data-state={one.state}>{b.cueState[one.state](one.name)}</li>)}
            </ul>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
