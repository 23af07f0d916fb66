// Before going on: a name, a microphone that visibly works, and one button.

import { useState } from "preact/hooks";
import { CheckPanel } from "./checkpanel";
import { ConsentAsk, mayBeHeard } from "./consent";
import type { Desk } from "./desk";
import { Meter, Panel } from "./parts";
import { SoundSettings } from "./sound";
import { useStore } from "./store";
import { t } from "./text";

export function Lobby({ desk }: { desk: Desk }) {
  const { left, trouble } = useStore(desk.view);
  const { stage } = useStore(desk.line.view);
  const { state, problem } = useStore(desk.mic.view);
  const [typed, setTyped] = useState<string | null>(null);
  const told = stage && stage.you.name !== stage.you.id ? stage.you.name : ""; // who gave none is called by his id
  const name = typed ?? (desk.view.value.name || told);
  const submit = (e: Event) => {
    e.preventDefault();
    void desk.goOn(name.trim());
  };
  return (
    <Panel title={t.before} class="lobby">
      <form onSubmit={submit} data-testid="lobby" data-consent={stage ? (stage.you.consent ?? "free") : "unknown"}>
        <label class="field">
          <span>{t.yourName}</span>
          <input required maxLength={40} value={name} autocomplete="name" data-testid="name" onInput={(e) => setTyped(e.currentTarget.value)} />
          <small>{t.nameHint}</small>
        </label>
        {problem && <p class="trouble" role="alert" data-testid="mic-problem">{t.problem[problem]}</p>}
        {problem !== "insecure" && (
          <div class="micspot">
            {state === "on" ? <LiveLevel desk={desk} /> : <AskMic desk={desk} asking={state === "asking"} again={problem !== null} />}
          </div>
        )}
        <ConsentAsk desk={desk} />
        <button type="submit" class="main big" disabled={state !== "on" || !stage || !mayBeHeard(stage)} data-testid="go-on">
          {left ? t.goOnAgain : t.goOn}
        </button>
        <p class="trouble" role="alert" data-testid="trouble">{trouble}</p>
      </form>
      <CheckPanel desk={desk} />
      {state === "on" && <SoundSettings desk={desk} />}
      <p class="hint">{t.headphones}</p>
    </Panel>
  );
}

function AskMic({ desk, asking, again }: { desk: Desk; asking: boolean; again: boolean }) {
  return (
    <>
      <p>{asking ? t.micAsking : t.micWhy}</p>
      <button type="button" disabled={asking} data-testid="mic-on" onClick={() => void desk.mic.start()}>
        {again ? t.tryAgain : t.micOn}
      </button>
    </>
  );
}

function LiveLevel({ desk }: { desk: Desk }) {
  const { talking } = useStore(desk.mic.view);
  return (
    <div class="field">
      <span>{t.yourLevel}</span>
      <Meter label={t.yourLevel} level={desk.mic.read} testid="level" />
      <small aria-live="polite">{desk.mic.level > LOUD_DB ? t.tooLoud : talking ? t.goodLevel : t.sayHello}</small>
    </div>
  );
}

/** An average level above this leaves no room for a laugh. */
const LOUD_DB = -9;
