// Whether somebody may be recorded: the question, what was answered, and the list of answers for those who lead.

import { useEffect, useState } from "preact/hooks";
import type { Desk } from "./desk";
import { Panel, TwoStep } from "./parts";
import { useStore } from "./store";
import { t } from "./text";
import { answerConsent, type Consented, consents } from "./voiceapi";
import { CONSENT_TEXT, TRACKS_TEXT, v, type Verdict } from "./voicetext";
import type { Stage } from "./wire";

/** Whether the stage lets this person on air, as far as consent goes. */
export const mayBeHeard = (stage: Stage | null): boolean => stage?.you.consent === undefined || stage.you.consent === "agreed";

/** Which version of the question this page asks: of a track only where the room has tracks. */
const asked = (stage: Stage): number => ((stage.room.consent_text ?? 0) >= TRACKS_TEXT ? TRACKS_TEXT : CONSENT_TEXT);

/** The question, before the stage; nothing where nothing is asked. */
export function ConsentAsk({ desk }: { desk: Desk }) {
  const { stage } = useStore(desk.line.view);
  const stands = stage?.you.consent;
  if (!stage || !stands) return null;
  const text = asked(stage);
  const answer = (agree: boolean, to = text) => desk.attempt(() => answerConsent(desk.room, desk.token, to, agree));
  const decline = async () => {
    if (await answer(false)) desk.mic.stop(); // who listens needs none
  };
  return (
    <div class="consent" role="group" aria-label={v.consent} data-testid="consent" data-stands={stands}>
      <p><strong>{text >= TRACKS_TEXT ? v.consentAskTracks : v.consentAsk}</strong></p>
      {stands === "agreed" ? (
        <div class="row">
          <span class="note" role="status">{v.agreed}</span>
          <button type="button" class="quiet" data-testid="consent-decline" onClick={() => void decline()}>{v.decline}</button>
        </div>
      ) : (
        <>
          <p class="note" role="status">{stands === "declined" ? v.declined : ""}</p>
          <div class="row">
            <button type="button" class="main" data-testid="consent-agree" onClick={() => void answer(true)}>{v.agree}</button>
            {text >= TRACKS_TEXT && <button type="button" data-testid="consent-mix" onClick={() => void answer(true, CONSENT_TEXT)}>{v.agreeMix}</button>}
            {stands === "asked" && <button type="button" data-testid="consent-decline" onClick={() => void decline()}>{v.decline}</button>}
          </div>
        </>
      )}
    </div>
  );
}

/** The way back, on stage. */
export function ConsentBack({ desk }: { desk: Desk }) {
  const { stage } = useStore(desk.line.view);
  if (stage?.you.consent !== "agreed") return null;
  return (
    <Panel title={v.consent}>
      <p class="hint">{v.agreed}</p>
      <TwoStep
        label={v.takeBack}
        ask={v.takeBackAsk}
        yes={v.takeBackYes}
        testid="consent-back"
        act={() => void desk.attempt(() => answerConsent(desk.room, desk.token, asked(stage), false))}
      />
    </Panel>
  );
}

/** How somebody stands to being recorded, and how they sound, beside their name. */
export function VoiceNote({ desk, id }: { desk: Desk; id: string }) {
  const { stage } = useStore(desk.line.view);
  const stands = stage?.consents?.[id];
  const check = stage?.checks?.[id] as Verdict | undefined;
  const said = stands ? v.stands[stands] : "";
  return (
    <span class="voicenote" role="status" data-testid={`voice-${id}`} data-consent={stands ?? ""} data-check={check ?? ""}>
      {said && <span class="note" data-alarm={stands === "declined"}>{said}</span>}
      {check && <span class="note" data-alarm={check !== "good"}>{v.short[check] ?? check}</span>}
    </span>
  );
}

/** Each answer that is kept with the room, newest last. */
export function ConsentList({ desk }: { desk: Desk }) {
  const { stage } = useStore(desk.line.view);
  const [open, setOpen] = useState(false);
  const [all, setAll] = useState<Consented[]>([]);
  const known = JSON.stringify(stage?.consents ?? {});
  useEffect(() => {
    if (open) consents(desk.room, desk.token).then(setAll, () => {}); // comes with the next change
  }, [desk, open, known]);
  if (!stage?.room.consent_text) return null;
  const name = (id: string) => stage.people.find((p) => p.id === id)?.name ?? stage.backstage.find((p) => p.id === id)?.name;
  return (
    <details class="consents" data-testid="consents" onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary>{v.consents}</summary>
      {all.length === 0 && <p class="hint">{v.consentsNone}</p>}
      <ol>
        {all.map((c) => (
          <li key={`${c.person} ${c.at}`}>
            {v.consentOf(c.name ?? name(c.person) ?? v.theHost, c.agreed, new Date(c.at).toLocaleString(t.lang, { dateStyle: "short", timeStyle: "medium" }), c.text)}
            {c.by && <small>{v.vouched(name(c.by) ?? v.theHost)}</small>}
          </li>
        ))}
      </ol>
    </details>
  );
}
