// Who is on stage, how loud, and what a host can do about it.

import { removePerson, setMuted } from "./api";
import type { Desk } from "./desk";
import { Meter, Panel, TwoStep } from "./parts";
import { useStore } from "./store";
import { t } from "./text";
import { mayModerate, type Person, SEATS_ON_STAGE, SILENCE_DB, SPEAKING_DB } from "./wire";

export function People({ desk }: { desk: Desk }) {
  const { stage, levels, fresh } = useStore(desk.line.view);
  if (!stage) return null;
  const moderator = mayModerate(stage.you.role);
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
            moderator={moderator}
            level={fresh ? (levels[p.id] ?? SILENCE_DB) : SILENCE_DB}
          />
        ))}
      </ul>
    </Panel>
  );
}

function PersonRow({ desk, person, me, moderator, level }: { desk: Desk; person: Person; me: boolean; moderator: boolean; level: number }) {
  const speaking = level > SPEAKING_DB && !person.muted;
  return (
    <li class="person" data-testid={`person-${person.id}`} data-speaking={speaking} data-heard={person.heard} data-muted={person.muted} data-away={person.away}>
      <div class="who">
        <strong>{person.name}</strong>
        <span class="note">
          {t.role[person.role]}
          {me && ` · ${t.you}`}
        </span>
      </div>
      <div class="sounding">
        <Meter label={t.levelOf(person.name)} level={person.muted || person.away ? SILENCE_DB : level} />
        <span class="note">{condition(person, speaking)}</span>
      </div>
      {moderator && !me && (
        <div class="acts">
          <button
            type="button"
            class="quiet"
            disabled={person.muted}
            data-testid={`mute-${person.id}`}
            aria-label={t.mutePerson(person.name)}
            onClick={() => void desk.attempt(() => setMuted(desk.room, desk.token, person.id, true))}
          >
            {t.muteShort}
          </button>
          <TwoStep
            label={t.remove}
            spoken={t.removePerson(person.name)}
            ask={t.removeAsk(person.name)}
            yes={t.removeYes}
            testid={`remove-${person.id}`}
            act={() => void desk.attempt(() => removePerson(desk.room, desk.token, person.id))}
          />
        </div>
      )}
    </li>
  );
}

function condition(p: Person, speaking: boolean): string {
  if (p.away) return t.isAway;
  if (p.muted) return t.isMuted;
  if (!p.heard) return t.isSilent;
  return speaking ? t.isSpeaking : "";
}
