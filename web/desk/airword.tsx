// The huge word with what belongs right beside it: why, the mute button, and the way off the stage.

import { useEffect } from "preact/hooks";
import type { Air, Reason, Word } from "./air";
import type { Desk } from "./desk";
import { b } from "./eartext";
import { showInTab } from "./icon";
import { words } from "./lifetext";
import { Meter } from "./parts";
import { useStore } from "./store";
import { t } from "./text";
import { sentence } from "./trouble";
import { v } from "./voicetext";

const WORDS: Record<Word, string> = { "on-air": t.onAir, "green-room": words.greenRoom, backstage: b.wordBackstage, team: b.wordTeam, talkback: b.wordTalkback, nobody: t.nobody, "mic-off": t.micOff };

const REASONS: Record<Reason, string> = {
  live: t.live,
  doors: t.doors,
  curtain: words.curtain,
  "not-on-stage": t.notOnStage,
  backstage: b.whyBackstage,
  team: b.whyTeam,
  talkback: b.whyTalkback,
  producer: t.producing,
  "sent-back": t.sentBack,
  "listens-only": v.listensOnly,
  joining: t.joining,
  reconnecting: t.reconnecting,
  muted: t.muted,
  "muted-by-other": t.mutedByOther,
  "mic-lost": t.micLost,
  "mic-silenced": t.micSilenced,
  "not-heard": t.notHeard,
  left: t.left,
  removed: t.removed,
  ended: t.ended,
  refused: t.refused,
};

export function AirWord({ desk }: { desk: Desk }) {
  const { air } = useStore(desk.view);
  const { voice, muted, obstacle, end, stage } = useStore(desk.line.view);
  const { talking } = useStore(desk.mic.view);
  const title = stage?.room.title ?? "";
  useEffect(() => showInTab(air.word, WORDS[air.word], title), [air.word, title]);
  const onStage = voice !== "off";
  const warn = talking && muted && onStage;
  return (
    <section class="air" data-word={air.word} data-reason={air.reason} data-onstage={onStage} data-warn={warn}>
      <div class="said" role="status" aria-live="assertive">
        <h1 class="word" data-testid="air-word">{WORDS[air.word]}</h1>
        <p class="why" data-testid="air-why">{warn ? t.talking : why(air, obstacle, end)}</p>
      </div>
      {onStage && <Controls desk={desk} muted={muted} />}
    </section>
  );
}

type LineView = Desk["line"]["view"]["value"];

function why(air: Air, obstacle: LineView["obstacle"], end: LineView["end"]): string {
  if (end?.why === "refused") return sentence(end.refusal);
  if (obstacle === "no-path") return t.noPath;
  if (obstacle) return sentence(obstacle);
  return REASONS[air.reason];
}

function Controls({ desk, muted }: { desk: Desk; muted: boolean }) {
  // Pressed by a pointer it gives the focus back, so that the space bar is there to talk by.
  const press = (e: MouseEvent & { currentTarget: HTMLButtonElement }) => {
    if (e.detail > 0) e.currentTarget.blur();
    desk.mute(!muted);
  };
  return (
    <div class="controls">
      <button type="button" class="mute" data-testid="mute" data-muted={muted} aria-keyshortcuts="M" onClick={press}>
        <MicSign off={muted} />
        <span>{muted ? t.unmute : t.mute}</span>
        <kbd>{muted ? v.mutedKeys : v.muteKey}</kbd>
      </button>
      <Meter label={t.yourLevel} level={desk.mic.read} testid="own-level" />
      <button type="button" class="leave" data-testid="leave" onClick={() => desk.leave()}>{t.leave}</button>
    </div>
  );
}

function MicSign({ off }: { off: boolean }) {
  return (
    <svg viewBox="0 0 24 24" width="28" height="28" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" aria-hidden="true">
      <rect x="9" y="3" width="6" height="11" rx="3" />
      <path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3" />
      {off && <path d="M3 3l18 18" />}
    </svg>
  );
}
