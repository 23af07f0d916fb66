// What a person who is not on stage can do backstage: be heard there, and hear the others and the stage.

import type { Desk } from "./desk";
import { b } from "./eartext";
import { Meter, Panel } from "./parts";
import { useStore } from "./store";
import { t } from "./text";
import { mayDirect, type OffStage } from "./wire";

export function BackstagePanel({ desk }: { desk: Desk }) {
  const { stage, voice } = useStore(desk.line.view);
  const { state, open, held, trouble } = useStore(desk.back.view);
  const mic = useStore(desk.mic.view);
  if (!stage || voice !== "off" || stage.you.sent_back) return null;
  const hasMic = mic.state === "on";
  const join = async () => {
    await desk.mic.start(); // whoever has no microphone, or refuses it, hears the others all the same
    desk.back.join(stage.you.role !== "producer" && desk.mic.live);
  };
  return (
    <Panel title={b.title} class="backstage">
      {state === "off" ? (
        <>
          <p class="hint">{b.about}</p>
          {mic.problem && <p class="trouble" role="alert">{t.problem[mic.problem]}</p>}
          <button type="button" data-testid="back-join" disabled={mic.state === "asking"} onClick={() => void join()}>
            {mic.state === "asking" ? b.joining : b.join}
          </button>
        </>
      ) : (
        <>
          <p role="status" data-testid="back-state" data-state={state} data-open={open}>{held !== null && stage.talk ? b.whyTalkback : said(state, open, hasMic)}</p>
          {hasMic && <Meter label={t.yourLevel} level={desk.mic.read} testid="back-level" />}
          <div class="row">
            {hasMic ? (
              <button type="button" data-testid="back-open" aria-pressed={open} onClick={() => desk.back.setOpen(!open)}>{open ? b.close : b.open}</button>
            ) : (
              <button type="button" data-testid="back-mic" disabled={mic.state === "asking"} onClick={() => void desk.mic.start()}>{t.micOn}</button>
            )}
            <button type="button" class="quiet" data-testid="back-leave" onClick={() => desk.leaveBackstage()}>{b.leave}</button>
          </div>
          {mayDirect(stage.you.role) && hasMic && <p class="hint">{b.talkHint}</p>}
        </>
      )}
      <p class="trouble" role="alert" data-testid="back-trouble">{trouble}</p>
    </Panel>
  );
}

function said(state: "joining" | "on" | "lost", open: boolean, hasMic: boolean): string {
  if (state === "joining") return b.joining;
  if (state === "lost") return b.lost;
  if (!hasMic) return b.noMic;
  return open ? b.heard : b.unheard;
}

/** How somebody is there, beside the role in the list of those backstage. */
export function presence(p: OffStage, otherwise: string): string {
  if (!p.here) return p.away ? b.away : otherwise;
  return p.open ? b.speaks : b.here;
}
