// The check of one's own voice: a button, what to do meanwhile, and one sentence.

import { useState } from "preact/hooks";
import { Check } from "./check";
import type { Desk } from "./desk";
import { useStore } from "./store";
import { v } from "./voicetext";

export function CheckPanel({ desk }: { desk: Desk }) {
  const [check] = useState(() => new Check(desk));
  const { phase, verdict } = useStore(check.view);
  const { word } = useStore(desk.view).air;
  const { state } = useStore(desk.mic.view);
  if (state !== "on") return null;
  const onAir = word === "on-air";
  const busy = phase === "quiet" || phase === "speak" || phase === "judge";
  const says = {
    idle: onAir ? v.checkHintOnAir : v.checkHint,
    quiet: onAir ? v.checkQuietOnAir : v.checkQuiet,
    speak: v.checkSpeak,
    judge: v.checkJudge,
    failed: v.checkFailed,
    done: verdict ? v.verdict[verdict] : "",
  }[phase];
  return (
    <div class="check" data-testid="check" data-phase={phase} data-verdict={verdict ?? ""}>
      <button type="button" disabled={busy} data-testid="check-run" onClick={() => void check.run(!onAir)}>
        {phase === "idle" || busy ? v.check : v.checkAgain}
      </button>
      <p role="status" data-testid="check-says" class={phase === "done" && verdict !== "good" ? "advice" : phase === "failed" ? "trouble" : "note"}>{says}</p>
    </div>
  );
}
