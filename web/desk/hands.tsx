// The queue of raised hands, as those who lead the conversation see it.

import { useEffect, useState } from "preact/hooks";
import type { Desk } from "./desk";
import { answerHand, takeHands } from "./leadapi";
import { l } from "./leadtext";
import { Panel } from "./parts";
import { useStore } from "./store";
import type { Hand } from "./wire";

const COUNT_EVERY = 10_000; // ms

export function Hands({ desk }: { desk: Desk }) {
  const { hands } = useStore(desk.line.view);
  const [, again] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => again((n) => n + 1), COUNT_EVERY);
    return () => clearInterval(timer);
  }, []);
  if (!hands) return null;
  const since = performance.now() - hands.at;
  return (
    <Panel title={l.hands} note={hands.hands.length > 0 ? String(hands.hands.length) : ""} class="hands">
      <p class="hint" role="status">{hands.hands.length > 0 ? "" : hands.open ? l.handsNone : l.handsClosed}</p>
      {hands.hands.length > 0 && (
        <ol>
          {hands.hands.map((h) => <HandRow key={h.id} desk={desk} hand={h} waited={h.waited_ms + since} />)}
        </ol>
      )}
      <label class="switch">
        <input
          type="checkbox"
          checked={hands.open}
          data-testid="hands-open"
          onChange={(e) => {
            const take = e.currentTarget.checked;
            void desk.attempt(() => takeHands(desk.room, desk.token, take));
          }}
        />
        <span>{l.handsTake}</span>
      </label>
    </Panel>
  );
}

function HandRow({ desk, hand, waited }: { desk: Desk; hand: Hand; waited: number }) {
  const answer = (to: "invited" | "let_go") => void desk.attempt(() => answerHand(desk.room, desk.token, hand.id, to));
  const invited = hand.state === "invited";
  return (
    <li class="hand" data-testid={`hand-${hand.id}`} data-state={hand.state}>
      <div class="who">
        <strong>{hand.name}</strong>
        {hand.line && <span>{hand.line}</span>}
        <span class="note">{invited ? l.handInvited : l.waited(Math.floor(waited / 60_000))}</span>
      </div>
      <div class="acts">
        {!invited && (
          <button type="button" data-testid="hand-invite" aria-label={l.handInviteOf(hand.name)} onClick={() => answer("invited")}>
            {l.handInvite}
          </button>
        )}
        <button type="button" class="quiet" data-testid="hand-let-go" aria-label={l.handLetGoOf(hand.name)} onClick={() => answer("let_go")}>
          {l.handLetGo}
        </button>
      </div>
    </li>
  );
}
