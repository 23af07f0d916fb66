// Who is on stage, how loud, who waits backstage, and what those who lead can do about it.

import { useState } from "preact/hooks";
import { removePerson, setMuted } from "./api";
import { presence } from "./backstage";
import { VoiceNote } from "./consent";
import type { Desk } from "./desk";
import { EVERYBODY } from "./earapi";
import { block, callUp, handOver, muteAll, sendBack } from "./leadapi";
import { l } from "./leadtext";
import { Meter, Panel, TwoStep } from "./parts";
import { useStore } from "./store";
import { Talk } from "./talkback";
import { t } from "./text";
import { mayExpel, mayModerate, type OffStage, type Person, type Role, SEATS_ON_STAGE, SILENCE_DB, SPEAKING_DB } from "./wire";

export function People({ desk }: { desk: Desk }) {
  const { stage, levels, fresh, voice } = useStore(desk.line.view);
  if (!stage) return null;
  const moderator = mayModerate(stage.you.role);
  const aside = moderator && voice === "off"; // speaks into ears, if at all
  return (
    <Panel title={t.onStage} note={t.places(stage.people.length, SEATS_ON_STAGE)} class="people">
      {stage.people.length === 0 && <p class="hint">{t.nobodyOnStage}</p>}
      <ul>
        {stage.people.map((p) => (
          <PersonRow
            key={p.id}
            desk={desk}
            person={p}
            me={p.id === stage.you.id}
            by={moderator ? stage.you.role : null}
            aside={aside}
            level={fresh ? (levels[p.id] ?? SILENCE_DB) : SILENCE_DB}
          />
        ))}
      </ul>
      {moderator && stage.people.some((p) => p.id !== stage.you.id) && <All desk={desk} able={aside ? stage.people.some((p) => p.ear) : null} />}
      <Backstage desk={desk} people={stage.backstage.filter((p) => p.id !== stage.you.id)} by={moderator ? stage.you.role : null} aside={aside} />
    </Panel>
  );
}

/** What somebody is called. Who has said no name yet has nothing but a sign that nobody can read. */
const called = (p: { id: string; name: string }) => (p.name === p.id ? l.nameless : p.name);

/** What is done to everybody on stage. Able: somebody there can be spoken to; null for who is on stage, and is heard by all. */
function All({ desk, able }: { desk: Desk; able: boolean | null }) {
  const [said, setSaid] = useState("");
  const press = async () => {
    setSaid("");
    if (await desk.attempt(() => muteAll(desk.room, desk.token))) setSaid(l.muteAllDone);
  };
  return (
    <div class="row all">
      {able !== null && <Talk desk={desk} to={EVERYBODY} name="" able={able} />}
      <button type="button" class="quiet" data-testid="mute-all" onClick={() => void press()}>{l.muteAll}</button>
      <span class="note" role="status">{said}</span>
    </div>
  );
}

interface Row {
  desk: Desk;
  person: Person;
  me: boolean;
  by: Role | null;
  aside: boolean;
  level: number;
}

function PersonRow({ desk, person, me, by, aside, level }: Row) {
  const speaking = level > SPEAKING_DB && !person.muted;
  return (
    <li class="person" data-testid={`person-${person.id}`} data-speaking={speaking} data-heard={person.heard} data-muted={person.muted} data-away={person.away}>
      <div class="who">
        <strong>{called(person)}</strong>
        <span class="note">
          {t.role[person.role]}
          {me && ` · ${t.you}`}
        </span>
        <VoiceNote desk={desk} id={person.id} />
      </div>
      <div class="sounding">
        <Meter label={t.levelOf(called(person))} level={person.muted || person.away ? SILENCE_DB : level} />
        <span class="note">{condition(person, speaking)}</span>
        {person.encoder && <span class="note" data-testid={`encoder-${person.id}`}>{t.encoderNow(person.encoder.song ?? "", person.encoder.buffer_ms / 1000)}</span>}
      </div>
      {by && !me && <Acts desk={desk} person={person} by={by} aside={aside} />}
    </li>
  );
}

function Acts({ desk, person, by, aside }: { desk: Desk; person: Person; by: Role; aside: boolean }) {
  const [more, setMore] = useState(false);
  const expels = mayExpel(by, person.role);
  const { id } = person;
  const name = called(person);
  return (
    <div class="acts" data-more={more}>
      {aside && <Talk desk={desk} to={id} name={name} able={person.ear === true} />}
      <button
        type="button"
        class="quiet"
        disabled={person.muted}
        data-testid={`mute-${id}`}
        aria-label={t.mutePerson(name)}
        onClick={() => void desk.attempt(() => setMuted(desk.room, desk.token, id, true))}
      >
        {t.muteShort}
      </button>
      {expels && (
        <TwoStep
          label={t.remove}
          spoken={t.removePerson(name)}
          ask={t.removeAsk(name)}
          yes={t.removeYes}
          testid={`remove-${id}`}
          act={() => void desk.attempt(() => removePerson(desk.room, desk.token, id))}
        />
      )}
      {expels && (
        <button type="button" class="quiet" data-testid={`more-${id}`} aria-expanded={more} aria-label={l.moreOf(name)} onClick={() => setMore(!more)}>
          {l.more}
        </button>
      )}
      {expels && more && <More desk={desk} person={person} by={by} />}
    </div>
  );
}

function More({ desk, person, by }: { desk: Desk; person: Person; by: Role }) {
  const { id } = person;
  const name = called(person);
  return (
    <>
      <button
        type="button"
        class="quiet"
        data-testid={`send-back-${id}`}
        aria-label={l.sendBackPerson(name)}
        onClick={() => void desk.attempt(() => sendBack(desk.room, desk.token, id))}
      >
        {l.sendBack}
      </button>
      <TwoStep
        label={l.block}
        spoken={l.blockPerson(name)}
        ask={l.blockAsk(name)}
        yes={l.blockYes}
        testid={`block-${id}`}
        act={() => void desk.attempt(() => block(desk.room, desk.token, id))}
      />
      {by === "host" && person.role === "cohost" && (
        <TwoStep
          label={l.handOver}
          spoken={l.handOverPerson(name)}
          ask={l.handOverAsk(name)}
          yes={l.handOverYes}
          testid={`host-${id}`}
          act={() => void desk.attempt(() => handOver(desk.room, desk.token, id))}
        />
      )}
    </>
  );
}

/** Who follows the stage without being on it: producers, guests who have not gone on yet, and those who were sent back. */
function Backstage({ desk, people, by, aside }: { desk: Desk; people: OffStage[]; by: Role | null; aside: boolean }) {
  if (people.length === 0) return null;
  return (
    <>
      <h3>{l.backstage}</h3>
      <ul class="offstages">
        {people.map((p) => (
          <li key={p.id} class="offstage" data-testid={`backstage-${p.id}`} data-here={p.here === true} data-open={p.open === true}>
            <div class="who">
              <strong>{called(p)}</strong>
              <span class="note">{`${t.role[p.role]} · ${p.sent_back ? l.wasSentBack : presence(p, l.waitsThere)}`}</span>
              <VoiceNote desk={desk} id={p.id} />
            </div>
            {aside && p.here && (
              <div class="acts">
                <Talk desk={desk} to={p.id} name={p.name} able={p.ear === true} />
              </div>
            )}
            {by && p.sent_back && (
              <div class="acts">
                <button
                  type="button"
                  data-testid={`call-up-${p.id}`}
                  aria-label={l.callUpPerson(called(p))}
                  onClick={() => void desk.attempt(() => callUp(desk.room, desk.token, p.id))}
                >
                  {l.callUp}
                </button>
              </div>
            )}
          </li>
        ))}
      </ul>
    </>
  );
}

function condition(p: Person, speaking: boolean): string {
  if (p.away) return t.isAway;
  if (p.muted) return t.isMuted;
  if (!p.heard) return t.isSilent;
  return speaking ? t.isSpeaking : "";
}
